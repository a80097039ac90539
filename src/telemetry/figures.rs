//! [`Figures`]: counters of what is exported.

use prometheus_client::metrics::counter::Counter;

/// What became of spans.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// The collector has them.
    pub exported: Counter,
    /// They came faster than they could be sent.
    pub overflowed: Counter,
    /// The collector did not take them.
    pub failed: Counter,
}
