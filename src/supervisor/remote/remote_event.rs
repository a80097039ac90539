//! [`RemoteEvent`] of a connection to a remote server.

use serde_json::value::RawValue;

use crate::{mcp::Frame, supervisor::remote::failure::RemoteFailure};

/// An event of a connection to a remote server, in order.
#[derive(Debug)]
pub enum RemoteEvent {
    /// A message of the server.
    Frame(Frame),
    /// This request gets no other answer.
    Failed {
        /// Its id, as it was written.
        id: Box<RawValue>,
        /// Why.
        failure: RemoteFailure,
    },
    /// A note for the server's owner.
    Note(String),
    /// The connection as a whole has ended, for this reason: nothing follows.
    Closed(String),
}
