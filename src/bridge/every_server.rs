//! Every server of a user as one: lists are aggregated from the last of each, requests routed by the name they carry.
//!
//! Servers come oldest first. A URI that an older server has too is prefixed with `ostler://server/`, in lists and in
//! results; one that no server lists belongs to the server whose template makes it (`mcp/template.rs`), or that linked
//! to it (`linked_resources.rs`).

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{
    aggregate::{AggregatedLists, AggregatedServer},
    fault,
    results::{self, SERVER_INFO},
    routed_requests, tool_search,
};
use crate::{
    bridge::{ClientSender, Conversation, RpcResult, ServerScope},
    mcp::{LATEST_LEGACY, Members, Request, convert},
    policy::{instructions, nesting},
};

/// Capabilities of the aggregate, whichever servers there are: lists change as servers come and go. Extensions come
/// from the servers.
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
    let capabilities = capabilities(&all);
    let instructions = convert::text(&instructions(&all));
    Ok(convert::raw(format!(
        r#"{{"protocolVersion":"{LATEST_LEGACY}","capabilities":{capabilities},"serverInfo":{SERVER_INFO},"instructions":{instructions}}}"#
    )))
}

/// The instructions of the servers, each under its server's name, within the bounds of `policy::instructions`.
fn instructions(all: &AggregatedLists) -> String {
    let own = |server: &AggregatedServer| convert::instructions(&server.listed.listing.as_ref()?.greeting);
    let each: Vec<_> = all.servers().filter_map(|server| Some((&server.listed.name, own(server)?))).collect();
    let lengths: Vec<_> = each.iter().map(|(_, own)| own.len()).collect();
    let most = instructions::share(&lengths);
    let mut text = String::from("Each tool and each prompt is named after the server it belongs to: server__name.");
    for (name, own) in &each {
        text.extend(["\n\n# ", name, "\n\n", &instructions::shortened(own, most)]);
    }
    text
}

/// The capabilities of the aggregate, with the extensions of its servers.
fn capabilities(all: &AggregatedLists) -> Members {
    let mut extensions = Members::default();
    for server in all.servers() {
        let Some(listing) = &server.listed.listing else { continue };
        for (name, settings) in convert::extensions(&listing.greeting).iter() {
            // As with resources, an older server keeps what is its own.
            if extensions.get(name).is_none() && !nesting::exceeds(settings.get(), nesting::LISTED_MAX) {
                extensions.set(name, settings.clone());
            }
        }
    }
    let mut capabilities = Members::from_slice(AGGREGATE_CAPABILITIES.as_bytes()).unwrap_or_default();
    if !extensions.is_empty() {
        capabilities.set("extensions", Arc::from(extensions.to_raw()));
    }
    capabilities
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
