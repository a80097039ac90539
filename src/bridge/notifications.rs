//! Notifications of a server about a request, on their way to the client that sent it.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::{
    bridge::{ClientSender, Conversation},
    mcp::{Era, Level, Progress, message_level},
};

/// Forwards a notification, where the client is to receive it.
pub(super) async fn forward(
    conversation: &Conversation,
    sender: &ClientSender,
    token: Option<&Arc<RawValue>>,
    method: &str,
    params: Option<&Arc<RawValue>>,
) {
    match method {
        "notifications/message" if !meets_log_level(conversation, params) => {}
        "notifications/progress" => {
            // A request that was sent again may have another token than at first.
            let retold = params.and_then(|params| Progress::read(params)?.with_token(token?));
            if let Some(params) = retold {
                sender.notify(method, Some(&params)).await;
            }
        }
        // About questions that the client knows by other ids, or does not know of at all.
        "notifications/cancelled" => {}
        "notifications/elicitation/complete" if conversation.era == Era::Modern => {}
        _ => sender.notify(method, params.map(AsRef::as_ref)).await,
    }
}

/// Compares a log message with the client's log level. A client with a session receives all until it sets one.
pub(super) fn meets_log_level(conversation: &Conversation, params: Option<&Arc<RawValue>>) -> bool {
    let Some(least) = conversation.client().log_level.clone() else { return conversation.era == Era::Legacy };
    // A message of unknown level is left for the client to judge.
    let level = params.and_then(|params| message_level(params));
    level.is_none_or(|level| Some(level) >= Level::named(&least))
}
