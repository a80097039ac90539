//! The span of a client's request, from reading it to its result.

use std::sync::Arc;

use crate::{
    bridge::{ClientSender, Conversation, RpcResult},
    mcp::{self, Era, Request},
    runtime::{Ended, Operation},
};

/// Begins the span of a request; requests to servers on its behalf become children of it.
pub(super) fn begin(conversation: &Arc<Conversation>, request: &mut Request, sender: &ClientSender) -> Operation {
    let session = (conversation.era == Era::Legacy).then(|| conversation.client().session);
    let operation = conversation.runtime.operation_for(request, conversation.span);
    operation.by(sender.related_request().map(AsRef::as_ref), &conversation.version, session.as_ref())
}

/// Classifies a result for the span.
pub(super) fn outcome_of(result: &RpcResult) -> Ended<'_> {
    match result {
        // Reading a result is left to those few that may say so.
        Ok(result) if result.get().contains("\"isError\"") && mcp::tool_error_text(result).is_some() => {
            Ended::ToolFailed
        }
        Ok(_) => Ended::Well,
        Err(error) => Ended::Refused(error),
    }
}
