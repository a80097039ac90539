//! The record of a tool call.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;

use crate::{
    calls::{admitted_call::AdmittedCall, reply::CallReply},
    model::ToolCall,
    policy::payload,
};

/// The record of a call: secrets masked, no payload longer than `payload_bytes`, and no NUL, which PostgreSQL cannot
/// hold.
pub(super) fn record(
    call: &AdmittedCall,
    reply: &CallReply,
    execution_time: i64,
    elapsed: Duration,
    payload_bytes: usize,
) -> ToolCall {
    let mask = call.server.mask.load();
    let masked = |json: &Arc<RawValue>| mask.json(json).map_or_else(|| json.clone(), Arc::from);
    let (parameters, parameters_excerpt) = payload::recorded(masked(&call.arguments), payload_bytes);
    let (response, response_excerpt) =
        reply.answer().map(|json| payload::recorded(masked(json), payload_bytes)).unwrap_or_default();
    ToolCall {
        id: call.id,
        server_id: call.server.id,
        user_id: call.user_id,
        tool_name: call.tool.clone(),
        parameters,
        parameters_excerpt,
        response,
        response_excerpt,
        success: matches!(reply, CallReply::Succeeded(_)),
        error_message: reply.failure().map(|failure| payload::reason(&mask.text(&failure).replace('\0', "\u{fffd}"))),
        execution_time,
        created_at: call.created_at,
        waited: i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX).saturating_sub(execution_time).max(0),
        trace_id: call.context().map(|context| context.trace()),
    }
}
