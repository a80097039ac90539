//! [`InstanceHealthChange`]: an instance became healthy or unhealthy.

/// Changes held for a subscriber that lags behind.
pub(super) const BUFFERED_MAX: usize = 256;

/// The new health of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstanceHealthChange {
    /// The service it belongs to.
    pub service: String,
    /// Its host and port.
    pub instance: String,
    /// True where it is healthy now.
    pub healthy: bool,
}
