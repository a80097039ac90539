//! [`FailureKind`]: the kinds of failed requests.

use crate::policy::shortage::Shortage;

/// The reason for which an instance gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// No connection could be made.
    Connect,
    /// None could be made, and that is Ostler's own fault.
    Shortage(Shortage),
    /// Its time passed.
    Timeout,
    /// The connection broke before the answer was whole.
    Reset,
    /// It sent something else than an HTTP answer.
    Protocol,
}
