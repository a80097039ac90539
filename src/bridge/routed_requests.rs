//! Requests to the aggregate that go to one server: that whose tool, prompt or resource they name.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{aggregate::AggregatedLists, fault, relay::relay};
use crate::{
    bridge::{ClientSender, Conversation, RpcResult},
    mcp::{Members, Request, convert},
    model::ServerId,
};

/// Resources of one result whose URIs are looked up; further ones keep their own.
const RENAMED_PER_RESULT_MAX: usize = 1000;

/// Routes a request to the server whose tool, prompt or resource it names.
pub(super) async fn answer(conversation: &Arc<Conversation>, request: Request, sender: &ClientSender) -> RpcResult {
    match request.method.as_str() {
        "tools/call" => call(conversation, request, sender).await,
        "prompts/get" => get(conversation, request, sender).await,
        "resources/read" => read(conversation, request, sender).await,
        "completion/complete" => complete(conversation, request, sender).await,
        method => Err(fault::no_method(method)),
    }
}

/// Calls the tool that the request names.
pub(super) async fn call(conversation: &Arc<Conversation>, mut request: Request, sender: &ClientSender) -> RpcResult {
    let name = request.params.text("name").unwrap_or_default();
    let found = AggregatedLists::find(conversation, |all| all.find_tool(&name)).await?;
    let Some((listed, original)) = found else { return Err(fault::params(&format!("Unknown tool: {name}"))) };
    request.params.set("name", convert::text(&original));
    let result = relay(conversation, &listed, Arc::new(request), sender).await?;
    Ok(with_client_uris(conversation, listed.id, &result, None))
}

async fn get(conversation: &Arc<Conversation>, mut request: Request, sender: &ClientSender) -> RpcResult {
    let name = request.params.text("name").unwrap_or_default();
    let found = AggregatedLists::find(conversation, |all| all.find_prompt(&name)).await?;
    let Some((listed, original)) = found else {
        return Err(fault::params(&format!("Unknown prompt: {name}")));
    };
    request.params.set("name", convert::text(&original));
    let result = relay(conversation, &listed, Arc::new(request), sender).await?;
    Ok(with_client_uris(conversation, listed.id, &result, None))
}

async fn read(conversation: &Arc<Conversation>, mut request: Request, sender: &ClientSender) -> RpcResult {
    let uri = request.params.text("uri").unwrap_or_default();
    let found = AggregatedLists::find(conversation, |all| all.find_resource(&uri)).await?;
    let Some((listed, original)) = found else { return Err(fault::no_resource(conversation.era, &uri)) };
    request.params.set("uri", convert::text(&original));
    let result = relay(conversation, &listed, Arc::new(request), sender).await?;
    Ok(with_client_uris(conversation, listed.id, &result, Some((&original, &uri))))
}

/// Gives the resources in a server's result the URIs by which clients reach them. Of the resource that the client asked
/// for, `asked` has the server's URI and the client's.
fn with_client_uris(
    conversation: &Conversation,
    server: ServerId,
    result: &Arc<RawValue>,
    asked: Option<(&str, &str)>,
) -> Arc<RawValue> {
    // Most results name no resource, and need no lists.
    let (mut all, mut seen) = (None, 0_usize);
    convert::with_renamed_resources(result, &mut |uri| {
        if let Some((original, asked)) = asked
            && original == uri
        {
            return (original != asked).then(|| asked.to_owned());
        }
        seen = seen.saturating_add(1);
        if seen > RENAMED_PER_RESULT_MAX {
            return None;
        }
        let all = all.get_or_insert_with(|| AggregatedLists::current(conversation).ok());
        all.as_ref()?.client_uri(server, uri)
    })
}

/// Completes an argument of a prompt or of a resource template.
async fn complete(conversation: &Arc<Conversation>, mut request: Request, sender: &ClientSender) -> RpcResult {
    let reference = request.params.get("ref").and_then(|one| Members::parse(one).ok());
    let Some(mut reference) = reference else { return Err(fault::params("`ref` must be an object")) };
    let member = match reference.text("type").as_deref() {
        Some("ref/prompt") => "name",
        Some("ref/resource") => "uri",
        Some(_) | None => return Err(fault::params("`ref.type` must be ref/prompt or ref/resource")),
    };
    let wanted = reference.text(member).unwrap_or_default();
    let find =
        |all: &AggregatedLists| if member == "name" { all.find_prompt(&wanted) } else { all.find_resource(&wanted) };
    let found = AggregatedLists::find(conversation, find).await?;
    let Some((listed, original)) = found else { return Err(fault::params("`ref` names nothing that there is")) };
    reference.set(member, convert::text(&original));
    request.params.set("ref", Arc::from(reference.to_raw()));
    relay(conversation, &listed, Arc::new(request), sender).await
}
