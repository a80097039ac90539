//! A request of an MCP client to one server, and the response: [`ClientRequest`], [`ServerResponse`].

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::{
    error::Result,
    mcp::{Era, McpClient, Request},
    model::CallId,
    supervisor::messages::RequestSubscriber,
};

/// A request of an MCP client to one server.
pub struct ClientRequest {
    /// The request, names as the server knows them. What `params._meta` holds of `io.modelcontextprotocol/*` and
    /// `progressToken` is replaced; all else goes through.
    pub request: Arc<Request>,
    /// The client.
    pub client: Arc<McpClient>,
    /// Deadline, at most an hour; `None` is the default.
    pub timeout: Option<Duration>,
    /// Ends it before that, as the deadline would; `None` where only the deadline does.
    pub expired: Option<oneshot::Receiver<()>>,
    /// Receives what the server sends about this request before its response.
    pub subscriber: Option<RequestSubscriber>,
}

/// The response of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerResponse {
    /// Its result or its error object, byte for byte.
    pub outcome: Result<Arc<RawValue>, Arc<RawValue>>,
    /// The era it speaks.
    pub era: Era,
    /// The call on record, where it was a tool call.
    pub call_id: Option<CallId>,
}
