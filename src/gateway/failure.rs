//! [`FailureKind`]: the kinds of failed requests.

/// The reason for which an instance gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// No connection could be made.
    Connect,
    /// Its time passed.
    Timeout,
    /// The connection broke before the answer was whole.
    Reset,
    /// It sent something else than an HTTP answer.
    Protocol,
}
