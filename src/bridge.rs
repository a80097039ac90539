//! Answers an MCP client of either era, whatever era its servers speak (the bridging of revisions).
//!
//! What is about no server in particular is answered here. A request to one goes through `relay`: an older client's by way
//! of `driver`, which asks it what the server asks; a stateless client's by way of `parking`, which keeps the request
//! while the client finds the answer.

mod aggregate;
mod client_sender;
mod conversation;
mod every_server;
pub mod fault;
mod header_arguments;
mod initialize;
mod list_changes;
mod notifications;
mod one_server;
mod relay;
mod relayed_request;
mod request_in_flight;
mod results;
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

pub use client_sender::{Channel, Outlet, Questions};
pub use conversation::{Conversation, Outcome, Scope};
pub use header_arguments::annotated;

use std::sync::{Arc, PoisonError};

use crate::{
    mcp::{Era, Level, Request},
    runtime::Client,
};

/// Answers a request of any method. Notifications about it, and in the older era questions, go to `outlet` before that.
/// Dropping the future cancels the request.
pub async fn answer(conversation: &Arc<Conversation>, mut request: Request, outlet: &Outlet) -> Outcome {
    let observed = span::begin(conversation, &mut request, outlet);
    let outcome = decide(conversation, request, outlet).await;
    observed.end(span::ended(&outcome));
    outcome
}

/// What seldom happens is boxed, so that calls are small futures.
async fn decide(conversation: &Arc<Conversation>, request: Request, outlet: &Outlet) -> Outcome {
    let method = request.method.as_str();
    let answer = match conversation.era {
        Era::Legacy => match method {
            "initialize" => return Box::pin(initialize::initialize(conversation, &request)).await,
            "ping" => Some(Ok(results::empty())),
            "logging/setLevel" => Some(set_level(conversation, &request)),
            "resources/subscribe" => return Box::pin(subscriptions::subscribe(conversation, &request)).await,
            "resources/unsubscribe" => Some(subscriptions::unsubscribe(conversation, &request)),
            "server/discover" | "subscriptions/listen" => Some(Err(fault::no_method(method))),
            _ => None,
        },
        Era::Modern => match method {
            "server/discover" => return Box::pin(initialize::discover(conversation)).await,
            "subscriptions/listen" => {
                return Box::pin(subscription_stream::listen(conversation, &request, outlet)).await;
            }
            "initialize" | "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => {
                Some(Err(fault::no_method(method)))
            }
            _ => None,
        },
    };
    match answer {
        Some(answer) => answer,
        // What runs as a task would outlive the request that says whose it is.
        None if method.starts_with("tasks/") => Err(fault::no_method(method)),
        None => match conversation.scope {
            Scope::One(server) => one_server::answer(conversation, server, request, outlet).await,
            Scope::All { .. } => Box::pin(every_server::answer(conversation, request, outlet)).await,
        },
    }
}

/// Takes note of a client's notification; cancellations are dealt with before.
pub async fn notified(conversation: &Arc<Conversation>, notification: Request) {
    let Conversation { runtime, who, scope, .. } = &**conversation;
    if notification.method == "notifications/initialized" {
        return;
    }
    let servers = match scope {
        Scope::One(server) => vec![*server],
        Scope::All { .. } => runtime.offers(who).unwrap_or_default().iter().map(|offer| offer.id).collect(),
    };
    for server in servers {
        if let Err(error) = runtime.tell(who, server, &conversation.client(), &notification) {
            log::debug!(server:%, error:%; "a client's notification went nowhere");
        }
    }
}

/// Sends what is about no request to a session's standalone stream (older era): changes of lists, of resources subscribed
/// to, and questions outside of requests. Ends where the client may listen no longer.
pub fn follow(conversation: Arc<Conversation>, outlet: Outlet) -> impl Future<Output = ()> + Send {
    standalone_stream::follow(conversation, outlet)
}

/// The least severe log messages that the client wants from now on; servers hear of it with each request.
fn set_level(conversation: &Conversation, request: &Request) -> Outcome {
    let level = request.params.text("level").filter(|level| Level::named(level).is_some());
    let Some(level) = level else { return Err(fault::params("`level` must be one of the eight of RFC 5424")) };
    let mut client = conversation.client.lock().unwrap_or_else(PoisonError::into_inner);
    *client = Arc::new(Client { log_level: Some(level), ..Client::clone(&client) });
    Ok(results::empty())
}
