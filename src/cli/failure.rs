//! [`Failure`] of a command.

use std::io;

/// The reason for which a command did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It could not be done.
    Failed(String),
    /// It was told something that only showed to be wrong when it was used.
    Misconfigured(String),
}

impl From<ostler::Error> for Failure {
    fn from(error: ostler::Error) -> Self {
        if let ostler::Error::Invalid(_) = error {
            return Self::Misconfigured(error.to_string());
        }
        // Callers are not told why; whoever starts a command is the operator.
        let cause = if let ostler::Error::Internal(cause) = &error { format!(": {cause}") } else { String::new() };
        Self::Failed(format!("{error}{cause}"))
    }
}

impl Failure {
    /// What to say where `doing` something failed.
    pub(crate) fn of(doing: &str, error: &io::Error) -> Self {
        Self::Failed(format!("cannot {doing}: {error}"))
    }
}
