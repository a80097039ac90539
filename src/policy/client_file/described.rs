//! [`Described`]: a server as it was read.

use crate::model::ServerChange;

/// A server as a client's configuration describes it.
#[derive(Clone, Debug)]
pub struct Described {
    /// Name that it has in the client's configuration.
    pub name: String,
    /// The server to register, or the reason why it cannot be taken over.
    pub change: Result<ServerChange, String>,
    /// Members that mean nothing here and were left out.
    pub ignored: Vec<String>,
    /// Remarks for its owner though it is taken over.
    pub notes: Vec<String>,
}

impl Described {
    pub(super) fn refused(name: String, reason: &str) -> Self {
        Self { name, change: Err(reason.to_owned()), ignored: Vec::new(), notes: Vec::new() }
    }
}
