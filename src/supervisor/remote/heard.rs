//! [`Heard`]: what comes of a remote server.

use serde_json::value::RawValue;

use crate::{mcp::Frame, supervisor::remote::failure::Failure};

/// What comes of a remote server, in order.
#[derive(Debug)]
pub enum Heard {
    /// A message of the server.
    Frame(Frame),
    /// This request gets no other answer.
    Failed {
        /// Its id, as it was written.
        id: Box<RawValue>,
        /// Why.
        failure: Failure,
    },
    /// Something for whoever looks after the server.
    Said(String),
    /// The connection as a whole has ended, for this reason: nothing follows.
    Over(String),
}
