//! [`TraceSampler`]: decides which traces are recorded, by the samplers of OpenTelemetry's specification without I/O.

use crate::model::TraceContext;

/// The sampler of traces without a parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootSampler {
    /// Records all of them.
    On,
    /// Records none.
    Off,
    /// Records a share of them, by their ids.
    Ratio,
}

/// Decides which traces are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceSampler {
    /// Follows the parent's decision where there is a parent.
    pub parent_based: bool,
    /// Decides without one.
    pub root: RootSampler,
    /// The share that [`RootSampler::Ratio`] records, from 0 to 1.
    pub ratio: f64,
}

impl Default for TraceSampler {
    /// All traces, unless their parent is not recorded.
    fn default() -> Self {
        Self { parent_based: true, root: RootSampler::On, ratio: 1.0 }
    }
}

impl TraceSampler {
    /// Returns true where this trace is recorded.
    #[must_use]
    pub fn samples(&self, parent: Option<TraceContext>, trace_id: u128) -> bool {
        match (parent.filter(|_| self.parent_based), self.root) {
            (Some(parent), _) => parent.is_sampled(),
            (None, RootSampler::On) => true,
            (None, RootSampler::Off) => false,
            // The bits that other implementations go by, so that all of them agree.
            (None, RootSampler::Ratio) => {
                let [.., a, b, c, d, _, _, _, _] = trace_id.to_be_bytes();
                f64::from(u32::from_be_bytes([a, b, c, d])) < self.ratio * (f64::from(u32::MAX) + 1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(sampled: bool) -> Option<TraceContext> {
        Some(TraceContext { trace_id: 1, span_id: 1, flags: u8::from(sampled) })
    }

    #[test]
    fn a_parent_decides_where_configured() {
        let based = TraceSampler { root: RootSampler::Off, ..TraceSampler::default() };
        assert!(based.samples(parent(true), 1) && !based.samples(parent(false), 1) && !based.samples(None, 1));
        let sampler = TraceSampler { parent_based: false, ..TraceSampler::default() };
        assert!(sampler.samples(parent(false), 1));
    }

    #[test]
    fn a_ratio_takes_its_share_of_ids() {
        let quarter = TraceSampler { root: RootSampler::Ratio, ratio: 0.25, ..TraceSampler::default() };
        let id = |high: u32| u128::from(high) << 32;
        let taken = (0..1000_u32).filter(|part| quarter.samples(None, id(part * 4_294_967))).count();
        assert!((249..=251).contains(&taken), "{taken}");
        let all = TraceSampler { ratio: 1.0, ..quarter };
        let none = TraceSampler { ratio: 0.0, ..quarter };
        assert!(all.samples(None, u128::MAX) && !none.samples(None, 0));
    }
}
