//! [`SpanKind`]: the role of a span among others.

/// The role of a span among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanKind {
    /// Handles a request of a client.
    Server,
    /// Sends a request to a server.
    Client,
    /// Neither.
    Internal,
}
