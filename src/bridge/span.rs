//! A request of a client as traces and figures know it, from when it is read to its outcome.

use std::sync::Arc;

use crate::{
    bridge::{Conversation, Outcome, Outlet},
    mcp::{self, Era, Request},
    runtime::{Ended, Operation},
};

/// Begins the span of a request; what servers are asked on its behalf is part of it.
pub(super) fn begin(conversation: &Arc<Conversation>, request: &mut Request, outlet: &Outlet) -> Operation {
    let session = (conversation.era == Era::Legacy).then(|| conversation.client().session);
    let operation = conversation.runtime.operation_for(request, conversation.span);
    operation.by(outlet.request().map(AsRef::as_ref), &conversation.version, session.as_ref())
}

/// How it went.
pub(super) fn ended(outcome: &Outcome) -> Ended<'_> {
    match outcome {
        // Reading a result is left to those few that may say so.
        Ok(result) if result.get().contains("\"isError\"") && mcp::tool_error_text(result).is_some() => {
            Ended::ToolFailed
        }
        Ok(_) => Ended::Well,
        Err(error) => Ended::Refused(error),
    }
}
