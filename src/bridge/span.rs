//! The span of a client's request, from reading it to its result.

use std::sync::Arc;

use crate::{
    bridge::{ClientSender, Conversation, RpcResult},
    mcp::{self, Era, Request},
    telemetry::{McpOperation, OperationOutcome},
};

/// Begins the span of a request; requests to servers on its behalf become children of it.
pub(super) fn begin(conversation: &Arc<Conversation>, request: &mut Request, sender: &ClientSender) -> McpOperation {
    let session = (conversation.era == Era::Legacy).then(|| conversation.client().session);
    let operation = conversation.runtime.telemetry().server_operation(request, conversation.span);
    operation.with_client(sender.related_request().map(AsRef::as_ref), &conversation.version, session.as_ref())
}

/// Classifies a result for the span.
pub(super) fn outcome_of(result: &RpcResult) -> OperationOutcome<'_> {
    match result {
        // Reading a result is left to those few that may say so.
        Ok(result) if result.get().contains("\"isError\"") && mcp::tool_error_text(result).is_some() => {
            OperationOutcome::ToolError
        }
        Ok(_) => OperationOutcome::Success,
        Err(error) => OperationOutcome::RpcError(error),
    }
}
