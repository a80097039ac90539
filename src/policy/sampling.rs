//! Which traces are recorded: those samplers of OpenTelemetry's specification that ask nobody else.

use crate::model::TraceContext;

/// How it is decided about a trace that nobody has decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// It is recorded.
    On,
    /// It is not.
    Off,
    /// Its id decides, so that a share of all traces is recorded.
    Ratio,
}

/// Whether a trace is recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Whether the decision of whoever calls us holds.
    pub parent_based: bool,
    /// What holds without one.
    pub root: Root,
    /// The share that [`Root::Ratio`] records, from 0 to 1.
    pub ratio: f64,
}

impl Default for Sampler {
    /// Everything, where callers do not say otherwise.
    fn default() -> Self {
        Self { parent_based: true, root: Root::On, ratio: 1.0 }
    }
}

impl Sampler {
    /// Whether to record what happens in this trace.
    #[must_use]
    pub fn samples(&self, parent: Option<TraceContext>, trace_id: u128) -> bool {
        match (parent.filter(|_| self.parent_based), self.root) {
            (Some(parent), _) => parent.is_sampled(),
            (None, Root::On) => true,
            (None, Root::Off) => false,
            // The bits that other implementations go by, so that all of them agree.
            (None, Root::Ratio) => {
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
    fn a_parent_decides_where_it_is_asked() {
        let based = Sampler { root: Root::Off, ..Sampler::default() };
        assert!(based.samples(parent(true), 1) && !based.samples(parent(false), 1) && !based.samples(None, 1));
        let own = Sampler { parent_based: false, ..Sampler::default() };
        assert!(own.samples(parent(false), 1));
    }

    #[test]
    fn a_ratio_takes_its_share_of_ids() {
        let quarter = Sampler { root: Root::Ratio, ratio: 0.25, ..Sampler::default() };
        let id = |high: u32| u128::from(high) << 32;
        let taken = (0..1000_u32).filter(|part| quarter.samples(None, id(part * 4_294_967))).count();
        assert!((249..=251).contains(&taken), "{taken}");
        let all = Sampler { ratio: 1.0, ..quarter };
        let none = Sampler { ratio: 0.0, ..quarter };
        assert!(all.samples(None, u128::MAX) && !none.samples(None, 0));
    }
}
