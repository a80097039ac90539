//! An instance turned: it was well and is not, or the other way round.

/// How many may wait for who listens.
pub(super) const MOST: usize = 256;

/// The health of an instance, which it was not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The service it belongs to.
    pub service: String,
    /// Its host and port.
    pub instance: String,
    /// Whether it is well now.
    pub healthy: bool,
}
