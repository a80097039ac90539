//! Bridges MCP clients and servers of different eras: answers a client of either, whatever era its servers speak.
//!
//! Requests that concern no single server are answered here. A request to one goes through `relay`: a client with a
//! session by way of `session`, which forwards server requests to it; a stateless client by way of `stateless`, which
//! suspends the request while the client collects the input that the server asked for.

mod aggregate;
mod client_sender;
mod conversation;
mod every_server;
pub(crate) mod fault;
mod header_arguments;
mod initialize;
mod linked_resources;
mod list_changes;
mod notifications;
mod one_server;
mod relay;
mod relayed_request;
mod request_in_flight;
mod resource_index;
mod results;
mod resumable_request;
mod routed_requests;
mod server_deadline;
mod server_events;
mod session;
mod span;
mod standalone_stream;
mod stateless;
mod subscription_stream;
mod subscriptions;
mod suspended_requests;
mod tool_search;

pub(crate) use client_sender::{ClientRequests, ClientSender, ClientStream};
pub(crate) use conversation::{Conversation, RpcResult, ServerScope, SessionSubscriptions};
pub(crate) use header_arguments::annotated_tool;
pub(crate) use linked_resources::LinkedResources;
pub(crate) use subscriptions::resume_subscriptions;
pub(crate) use suspended_requests::SuspendedRequests;

use std::sync::Arc;

use crate::mcp::{ClientMethod, Level, McpClient, Request};

/// Answers a request of any method. Notifications about it, and server requests in the older era, go to `sender` first.
/// Dropping the future cancels the request.
pub(crate) async fn answer(conversation: &Arc<Conversation>, mut request: Request, sender: &ClientSender) -> RpcResult {
    let span = span::begin(conversation, &mut request, sender);
    let result = dispatch(conversation, request, sender).await;
    span.end(span::outcome_of(&result));
    result
}

/// Dispatches a request by its method. Rare methods are boxed, so that the future of a call stays small.
async fn dispatch(conversation: &Arc<Conversation>, mut request: Request, sender: &ClientSender) -> RpcResult {
    let method = request.method.as_str();
    let exists = ClientMethod::find(method).is_none_or(|known| known.is_in(conversation.era));
    // A task would outlive the request that says whose it is.
    if !exists || method.starts_with("tasks/") {
        return Err(fault::no_method(method));
    }
    if method == "tools/call" {
        // Without that capability a receiver ignores it (2025-11-25, basic/utilities/tasks).
        request.params.remove("task");
    }
    match request.method.as_str() {
        "initialize" => Box::pin(initialize::initialize(conversation, &request)).await,
        "ping" => Ok(results::empty()),
        "logging/setLevel" => set_level(conversation, &request),
        "resources/subscribe" => Box::pin(subscriptions::subscribe(conversation, &request)).await,
        "resources/unsubscribe" => subscriptions::unsubscribe(conversation, &request),
        "server/discover" => Box::pin(initialize::discover(conversation)).await,
        "subscriptions/listen" => Box::pin(subscription_stream::listen(conversation, &request, sender)).await,
        _ => match conversation.scope {
            ServerScope::One(server) => one_server::answer(conversation, server, request, sender).await,
            ServerScope::All { .. } => Box::pin(every_server::answer(conversation, request, sender)).await,
        },
    }
}

/// Handles a client's notification; the endpoint has handled cancellations before.
pub(crate) async fn on_notification(conversation: &Arc<Conversation>, notification: Request) {
    let Conversation { runtime, who, scope, .. } = &**conversation;
    if notification.method == "notifications/initialized" {
        return;
    }
    let servers = match scope {
        ServerScope::One(server) => vec![*server],
        ServerScope::All { .. } => {
            runtime.listings().servers(who).unwrap_or_default().iter().map(|listed| listed.id).collect()
        }
    };
    for server in servers {
        if let Err(error) = runtime.calls().notify(who, server, &conversation.client(), &notification) {
            log::debug!(server:%, error:%; "a client's notification went nowhere");
        }
    }
}

/// Writes a session's standalone stream (older era): list changes, updates of subscribed resources, and server requests
/// outside of client requests. Ends when the client loses the right to listen.
pub(crate) fn run_standalone_stream(
    conversation: Arc<Conversation>,
    sender: ClientSender,
) -> impl Future<Output = ()> + Send {
    standalone_stream::run(conversation, sender)
}

/// Sets the least severe log level that the client receives; servers are sent it with each request.
fn set_level(conversation: &Conversation, request: &Request) -> RpcResult {
    let level = request.params.text("level").filter(|level| Level::named(level).is_some());
    let Some(level) = level else { return Err(fault::params("`level` must be one of the eight of RFC 5424")) };
    let mut client = conversation.client.lock();
    *client = Arc::new(McpClient { log_level: Some(level), ..McpClient::clone(&client) });
    Ok(results::empty())
}
