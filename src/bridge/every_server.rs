//! Every server of a user as one: lists are aggregated from the last of each, requests routed by the name they carry.
//!
//! Servers come oldest first. A URI that an older server has too is prefixed with `ostler://server/`; one that no
//! server lists belongs to the server whose template makes it (`mcp/template.rs`).

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{
    aggregate::AggregatedLists,
    fault,
    results::{self, SERVER_INFO},
    routed_requests, tool_search,
};
use crate::{
    bridge::{ClientSender, Conversation, RpcResult, ServerScope},
    mcp::{LATEST_LEGACY, Request, convert},
};

/// Capabilities of the aggregate, whichever servers there are: lists change as servers come and go.
const AGGREGATE_CAPABILITIES: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"completions":{},"logging":{}}"#;

/// Answers a request to one of the servers or about all of them.
pub(super) async fn answer(conversation: &Arc<Conversation>, request: Request, sender: &ClientSender) -> RpcResult {
    let search = conversation.scope == ServerScope::All { search: true };
    match request.method.as_str() {
        "tools/list" if search => Ok(tool_search::list(conversation)),
        "tools/call" if search => tool_search::call(conversation, request, sender).await,
        "tools/list" => list(conversation, &request, "tools", AggregatedLists::tools).await,
        "prompts/list" => list(conversation, &request, "prompts", AggregatedLists::prompts).await,
        "resources/list" => list(conversation, &request, "resources", AggregatedLists::resources).await,
        "resources/templates/list" => {
            list(conversation, &request, "resourceTemplates", AggregatedLists::templates).await
        }
        _ => routed_requests::answer(conversation, request, sender).await,
    }
}

/// The `InitializeResult` of the aggregate.
pub(super) async fn initialize_result(conversation: &Arc<Conversation>) -> RpcResult {
    let all = AggregatedLists::complete(conversation).await?;
    let mut instructions =
        String::from("Each tool and each prompt is named after the server it belongs to: server__name.");
    for server in all.servers() {
        let own = server.listed.listing.as_ref().and_then(|listing| convert::instructions(&listing.greeting));
        if let Some(own) = own {
            instructions.extend(["\n\n# ", &server.listed.name, "\n\n", &own]);
        }
    }
    let instructions = convert::text(&instructions);
    Ok(convert::raw(format!(
        r#"{{"protocolVersion":"{LATEST_LEGACY}","capabilities":{AGGREGATE_CAPABILITIES},"serverInfo":{SERVER_INFO},"instructions":{instructions}}}"#
    )))
}

async fn list(
    conversation: &Arc<Conversation>,
    request: &Request,
    name: &str,
    items: impl Fn(&AggregatedLists) -> Vec<Arc<RawValue>>,
) -> RpcResult {
    if request.params.given("cursor").is_some() {
        return Err(fault::params("`cursor` is unknown: the list has one page"));
    }
    let all = AggregatedLists::complete(conversation).await?;
    Ok(results::list(conversation, &request.method, name, &items(&all)))
}
