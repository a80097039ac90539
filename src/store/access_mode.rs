//! [`AccessMode`]: reading, or writing too.

/// Rights of a connection: the database refuses writes on those that only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessMode {
    Read,
    Write,
}
