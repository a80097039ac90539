//! Describes requests to servers as MCP operations.

use std::sync::Arc;

use crate::{
    calls::{admitted_call::AdmittedCall, dispatch::Delivery},
    mcp::{Request, convert},
    model::PropagatedTrace,
    registry::Registered,
    telemetry::{McpOperation, SentRequest, ServerAttributes, Telemetry},
};

/// Begins the operation of a request to a server.
pub(super) fn begin(telemetry: &Telemetry, server: &Registered, request: &mut Arc<Request>) -> McpOperation {
    with_server(telemetry.client_operation(request), server)
}

/// Begins the operation of a tool call.
pub(super) fn begin_tool_call(telemetry: &Telemetry, call: &mut AdmittedCall) -> McpOperation {
    let parent = if telemetry.tracer().is_on() { call.context() } else { None };
    let operation = with_server(telemetry.tool_call(call.id, &call.tool, parent), &call.server);
    match (operation.context(), &mut call.mcp_request) {
        (Some(_), Some((request, _))) => operation.propagate(request),
        (Some(parent), None) => {
            let state = call.trace.take().and_then(|trace| trace.state);
            call.trace = Some(PropagatedTrace { parent, state });
        }
        (None, _) => {}
    }
    operation
}

/// Adds when and to which process the request was sent, if it was.
pub(super) fn with_sent_request(operation: McpOperation, Delivery { at, to }: &Delivery) -> McpOperation {
    let Some((instance, id)) = to else { return operation };
    let version = instance.version();
    operation.with_sent_request(SentRequest { at: *at, id: *id, protocol_version: version.as_deref() })
}

/// Adds the tool; after the call, as a server that has just started lists none before.
pub(super) fn with_tool(operation: McpOperation, call: &AdmittedCall) -> McpOperation {
    operation.with_tool(&call.tool, || lists(&call.server, &call.tool))
}

fn with_server(operation: McpOperation, server: &Registered) -> McpOperation {
    let config = &server.server.load().config;
    let remote_url = config.remote.as_ref().map(|remote| remote.url.as_str());
    operation.with_server(ServerAttributes { id: server.id, name: &config.name, remote_url })
}

fn lists(server: &Registered, tool: &str) -> bool {
    let listing = server.link.listing();
    listing.is_some_and(|listing| listing.tools.iter().any(|one| convert::name(one).as_deref() == Some(tool)))
}
