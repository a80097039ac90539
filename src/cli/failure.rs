//! [`Failure`] of a command.

use std::io;

/// The reason for which a command did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It could not be done.
    Failed(String),
    /// A value of the command line, the environment or a file proved wrong only when it was used.
    Misconfigured(String),
}

impl From<ostler::Error> for Failure {
    fn from(error: ostler::Error) -> Self {
        if let ostler::Error::Invalid(_) = error {
            return Self::Misconfigured(error.to_string());
        }
        // Clients never see the cause; the user of a command is the operator, who needs it.
        let cause = if let ostler::Error::Internal(cause) = &error { format!(": {cause}") } else { String::new() };
        Self::Failed(format!("{error}{cause}"))
    }
}

impl Failure {
    /// A failure of `doing` something.
    pub(crate) fn of(doing: &str, error: &io::Error) -> Self {
        Self::Failed(format!("cannot {doing}: {error}"))
    }
}
