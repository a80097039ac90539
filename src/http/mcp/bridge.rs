//! Answers an MCP client of either era, whatever era its servers speak (the bridging of revisions).

use std::sync::Arc;

use super::{
    conversation::{Conversation, Outcome},
    outlet::Outlet,
};
use crate::mcp::Request;

/// Answers a request of any method. Notifications about it, and in the older era questions, go to `outlet` before that.
/// Dropping the future cancels the request.
pub(super) async fn answer(_conversation: &Arc<Conversation>, _request: Request, _outlet: &Outlet) -> Outcome {
    Err(crate::mcp::error(-32603, "not yet", None))
}

/// Takes note of a client's notification; cancellations are dealt with before.
pub(super) async fn notified(_conversation: &Arc<Conversation>, _notification: Request) {}

/// Sends what is about no request to a session's standalone stream (older era): changes of lists, of resources subscribed
/// to, and questions outside of requests. Never ends by itself.
pub(super) async fn follow(_conversation: Arc<Conversation>, _outlet: Outlet) {}
