//! All servers of a user as one: lists come from what each listed last, requests go to whose name they carry.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{fault, relay::relay, search, together::Together};
use crate::{
    bridge::{Conversation, Outcome, Outlet, Scope},
    mcp::{Era, LATEST_LEGACY, Members, Request, convert},
};

/// What can be done through Ostler, whatever servers there are just now.
const CAPABILITIES: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"completions":{},"logging":{}}"#;

/// Our name and version.
const INFO: &str = concat!(r#"{"name":"ostler","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// Answers a request that is for one server or about all of them.
pub(super) async fn answer(conversation: &Arc<Conversation>, request: Request, outlet: &Outlet) -> Outcome {
    let search = conversation.scope == Scope::All { search: true };
    match request.method.as_str() {
        "tools/list" if search => Ok(search::list(conversation)),
        "tools/call" if search => search::call(conversation, request, outlet).await,
        "tools/list" => list(conversation, &request, "tools", Together::tools).await,
        "prompts/list" => list(conversation, &request, "prompts", Together::prompts).await,
        "resources/list" => list(conversation, &request, "resources", Together::resources).await,
        "resources/templates/list" => list(conversation, &request, "resourceTemplates", Together::templates).await,
        "tools/call" => call(conversation, request, outlet).await,
        "prompts/get" => get(conversation, request, outlet).await,
        "resources/read" => read(conversation, request, outlet).await,
        "completion/complete" => complete(conversation, request, outlet).await,
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
        r#"{{"protocolVersion":"{LATEST_LEGACY}","capabilities":{CAPABILITIES},"serverInfo":{INFO},"instructions":{instructions}}}"#
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
    Ok(as_list(conversation, &request.method, name, &items(&all)))
}

/// A list on one page, as the client's era has it.
pub(super) fn as_list(conversation: &Conversation, method: &str, name: &str, items: &[Arc<RawValue>]) -> Arc<RawValue> {
    let items: Vec<_> = items.iter().map(|item| item.get()).collect();
    own(conversation, method, &convert::raw(format!("{{\"{name}\":[{}]}}", items.join(","))))
}

/// A result of Ostler's own, as the client's era has it.
pub(super) fn own(conversation: &Conversation, method: &str, result: &Arc<RawValue>) -> Arc<RawValue> {
    match conversation.era {
        Era::Legacy => convert::result_to_legacy(method, result, || true),
        Era::Modern => convert::result_to_modern(method, result, Some(&convert::raw(INFO.to_owned()))),
    }
}

/// Calls the tool that the request names.
pub(super) async fn call(conversation: &Arc<Conversation>, mut request: Request, outlet: &Outlet) -> Outcome {
    let name = request.params.text("name").unwrap_or_default();
    let found = Together::find(conversation, |all| all.find_tool(&name)).await?;
    let Some((offer, own)) = found else { return Err(fault::params(&format!("Unknown tool: {name}"))) };
    request.params.set("name", convert::text(&own));
    relay(conversation, &offer, Arc::new(request), outlet).await
}

async fn get(conversation: &Arc<Conversation>, mut request: Request, outlet: &Outlet) -> Outcome {
    let name = request.params.text("name").unwrap_or_default();
    let found = Together::find(conversation, |all| all.find_prompt(&name)).await?;
    let Some((offer, own)) = found else {
        return Err(fault::params(&format!("Unknown prompt: {name}")));
    };
    request.params.set("name", convert::text(&own));
    relay(conversation, &offer, Arc::new(request), outlet).await
}

async fn read(conversation: &Arc<Conversation>, mut request: Request, outlet: &Outlet) -> Outcome {
    let uri = request.params.text("uri").unwrap_or_default();
    let found = Together::find(conversation, |all| all.find_resource(&uri)).await?;
    let Some((offer, own)) = found else { return Err(no_resource(conversation, &uri)) };
    request.params.set("uri", convert::text(&own));
    let result = relay(conversation, &offer, Arc::new(request), outlet).await?;
    Ok(if own == uri { result } else { with_uri(&result, &own, &uri) })
}

/// The contents of a resource, under the URI that the client knows.
fn with_uri(result: &Arc<RawValue>, own: &str, asked: &str) -> Arc<RawValue> {
    let Ok(mut members) = Members::parse(result) else { return result.clone() };
    let contents = members.get("contents").and_then(|all| serde_json::from_str::<Vec<Members>>(all.get()).ok());
    let Some(mut contents) = contents else { return result.clone() };
    for content in &mut contents {
        if content.text("uri").as_deref() == Some(own) {
            content.set("uri", convert::text(asked));
        }
    }
    let contents: Vec<_> = contents.iter().map(Members::to_string).collect();
    members.set("contents", convert::raw(format!("[{}]", contents.join(","))));
    Arc::from(members.to_raw())
}

/// There is no such resource, by the code that the client's era has for it.
pub(super) fn no_resource(conversation: &Conversation, uri: &str) -> Arc<RawValue> {
    let code = match conversation.era {
        Era::Legacy => -32002,
        Era::Modern => -32602,
    };
    let data = convert::raw(format!(r#"{{"uri":{}}}"#, convert::text(uri)));
    crate::mcp::error(code, "Resource not found", Some(&data))
}

/// Completes an argument of a prompt or of a resource template.
async fn complete(conversation: &Arc<Conversation>, mut request: Request, outlet: &Outlet) -> Outcome {
    let reference = request.params.get("ref").and_then(|one| Members::parse(one).ok());
    let Some(mut reference) = reference else { return Err(fault::params("`ref` must be an object")) };
    let member = match reference.text("type").as_deref() {
        Some("ref/prompt") => "name",
        Some("ref/resource") => "uri",
        Some(_) | None => return Err(fault::params("`ref.type` must be ref/prompt or ref/resource")),
    };
    let wanted = reference.text(member).unwrap_or_default();
    let find = |all: &Together| if member == "name" { all.find_prompt(&wanted) } else { all.find_resource(&wanted) };
    let found = Together::find(conversation, find).await?;
    let Some((offer, own)) = found else { return Err(fault::params("`ref` names nothing that there is")) };
    reference.set(member, convert::text(&own));
    request.params.set("ref", Arc::from(reference.to_raw()));
    relay(conversation, &offer, Arc::new(request), outlet).await
}
