//! All servers of a user as one: lists come from what each listed last, requests go to whose name they carry.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{
    aggregate::Together,
    fault,
    results::{self, SERVER_INFO},
    routed_requests, tool_search,
};
use crate::{
    bridge::{Conversation, Outcome, Outlet, Scope},
    mcp::{LATEST_LEGACY, Request, convert},
};

/// What can be done through Ostler, whatever servers there are just now.
const CAPABILITIES: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"completions":{},"logging":{}}"#;

/// Answers a request that is for one server or about all of them.
pub(super) async fn answer(conversation: &Arc<Conversation>, request: Request, outlet: &Outlet) -> Outcome {
    let search = conversation.scope == Scope::All { search: true };
    match request.method.as_str() {
        "tools/list" if search => Ok(tool_search::list(conversation)),
        "tools/call" if search => tool_search::call(conversation, request, outlet).await,
        "tools/list" => list(conversation, &request, "tools", Together::tools).await,
        "prompts/list" => list(conversation, &request, "prompts", Together::prompts).await,
        "resources/list" => list(conversation, &request, "resources", Together::resources).await,
        "resources/templates/list" => list(conversation, &request, "resourceTemplates", Together::templates).await,
        "tools/call" => routed_requests::call(conversation, request, outlet).await,
        "prompts/get" => routed_requests::get(conversation, request, outlet).await,
        "resources/read" => routed_requests::read(conversation, request, outlet).await,
        "completion/complete" => routed_requests::complete(conversation, request, outlet).await,
        method => Err(fault::no_method(method)),
    }
}

/// What Ostler says of itself, in the words of the older era.
pub(super) async fn greeting(conversation: &Arc<Conversation>) -> Outcome {
    let all = Together::spoken(conversation).await?;
    let mut instructions =
        String::from("Each tool and each prompt is named after the server it belongs to: server__name.");
    for part in all.parts() {
        let said = part.offer.catalogue.as_ref().and_then(|catalogue| convert::instructions(&catalogue.greeting));
        if let Some(said) = said {
            instructions.extend(["\n\n# ", &part.offer.name, "\n\n", &said]);
        }
    }
    let instructions = convert::text(&instructions);
    Ok(convert::raw(format!(
        r#"{{"protocolVersion":"{LATEST_LEGACY}","capabilities":{CAPABILITIES},"serverInfo":{SERVER_INFO},"instructions":{instructions}}}"#
    )))
}

async fn list(
    conversation: &Arc<Conversation>,
    request: &Request,
    name: &str,
    items: impl Fn(&Together) -> Vec<Arc<RawValue>>,
) -> Outcome {
    if request.params.get("cursor").is_some() {
        return Err(fault::params("`cursor` is none of ours: the list has one page"));
    }
    let all = Together::spoken(conversation).await?;
    Ok(results::list(conversation, &request.method, name, &items(&all)))
}
