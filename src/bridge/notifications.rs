//! What a server says about a request, on its way to the client who sent it.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::{
    bridge::{Conversation, Outlet},
    mcp::{Era, Level, Progress, message_level},
};

/// Passes a notification on, if the client is to hear it.
pub(super) async fn pass_on(
    conversation: &Conversation,
    outlet: &Outlet,
    token: Option<&Arc<RawValue>>,
    method: &str,
    params: Option<&Arc<RawValue>>,
) {
    match method {
        "notifications/message" if !is_heard(conversation, params) => {}
        "notifications/progress" => {
            // A request that was sent again may have another token than at first.
            let retold = params.and_then(|params| Progress::read(params)?.retold(token?));
            if let Some(params) = retold {
                outlet.tell(method, Some(&params)).await;
            }
        }
        // About questions that the client knows by other ids, or does not know of at all.
        "notifications/cancelled" => {}
        "notifications/elicitation/complete" if conversation.era == Era::Modern => {}
        _ => outlet.tell(method, params.map(AsRef::as_ref)).await,
    }
}

/// Whether a log message is as severe as the client wants them. One with a session that never said so gets all.
pub(super) fn is_heard(conversation: &Conversation, params: Option<&Arc<RawValue>>) -> bool {
    let Some(least) = conversation.client().log_level.clone() else { return conversation.era == Era::Legacy };
    // What no level is known by is for the client to judge.
    let level = params.and_then(|params| message_level(params));
    level.is_none_or(|level| Some(level) >= Level::named(&least))
}
