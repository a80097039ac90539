//! Three tools that find, describe and call all others, for clients whose models should not read hundreds at once.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{aggregate::AggregatedLists, fault, results, routed_requests};
use crate::{
    bridge::{ClientSender, Conversation, RpcResult},
    mcp::{Members, Request, convert},
    policy::search,
};

/// The three tools, in a form that is valid in both eras.
const SEARCH_TOOLS: [&str; 3] = [
    r#"{"name":"search_tools","title":"Search tools","description":"Finds tools by a few words. Answers their names and what they do; describe_tool has their parameters.","inputSchema":{"type":"object","properties":{"query":{"type":"string","description":"What the tool should do, in a few words; empty for all."},"limit":{"type":"integer","minimum":1,"maximum":50,"description":"Most tools to return; 10 by default."}},"required":["query"]},"annotations":{"readOnlyHint":true}}"#,
    r#"{"name":"describe_tool","title":"Describe a tool","description":"Answers everything about one tool: its description, its parameters as a JSON Schema.","inputSchema":{"type":"object","properties":{"name":{"type":"string","description":"The tool's name, as search_tools has it."}},"required":["name"]},"annotations":{"readOnlyHint":true}}"#,
    r#"{"name":"call_tool","title":"Call a tool","description":"Calls a tool and answers its result.","inputSchema":{"type":"object","properties":{"name":{"type":"string","description":"The tool's name, as search_tools has it."},"arguments":{"type":"object","description":"Its arguments, as describe_tool has them."}},"required":["name"]}}"#,
];

/// Tools in a result where the call sets no limit.
const RESULTS_DEFAULT: usize = 10;

/// Tools in a result at most: more would defeat the search.
const RESULTS_MAX: usize = 50;

/// Characters of a tool's description in a result; `describe_tool` has the rest.
const DESCRIPTION_CHARS_MAX: usize = 240;

/// The list of the three tools.
pub(super) fn list(conversation: &Conversation) -> Arc<RawValue> {
    let tools: Vec<_> = SEARCH_TOOLS.iter().map(|tool| convert::raw((*tool).to_owned())).collect();
    results::list(conversation, "tools/list", "tools", &tools)
}

/// Calls one of the three, or any other tool by its own name.
pub(super) async fn call(conversation: &Arc<Conversation>, mut request: Request, sender: &ClientSender) -> RpcResult {
    let arguments = request.params.get("arguments").and_then(|one| Members::parse(one).ok()).unwrap_or_default();
    let text = match request.params.text("name").as_deref() {
        Some("search_tools") => find(&AggregatedLists::complete(conversation).await?, &arguments),
        Some("describe_tool") => describe(&AggregatedLists::complete(conversation).await?, &arguments),
        Some("call_tool") => {
            let Some(name) = arguments.get("name") else { return Err(fault::params("`name` must be a string")) };
            request.params.set("name", name.clone());
            match arguments.given("arguments") {
                Some(arguments) => request.params.set("arguments", arguments.clone()),
                None => drop(request.params.remove("arguments")),
            }
            return routed_requests::call(conversation, request, sender).await;
        }
        Some(_) | None => return routed_requests::call(conversation, request, sender).await,
    };
    let (text, is_error) = match text {
        Ok(text) => (text, ""),
        Err(text) => (text, r#","isError":true"#),
    };
    let text = convert::text(&text);
    let result = convert::raw(format!(r#"{{"content":[{{"type":"text","text":{text}}}]{is_error}}}"#));
    Ok(results::in_era(conversation, "tools/call", &result))
}

/// Names and shortened descriptions of tools that match a query, as JSON.
fn find(all: &AggregatedLists, arguments: &Members) -> Result<String, String> {
    let Some(query) = arguments.text("query") else { return Err("`query` must be a string".into()) };
    let limit = arguments.given("limit").map_or(Ok(RESULTS_DEFAULT), |limit| limit.get().parse());
    let Ok(limit @ 1..=RESULTS_MAX) = limit else { return Err("`limit` must be 1 to 50".into()) };
    let described = |tool: &Arc<RawValue>| {
        (convert::name(tool).unwrap_or_default(), convert::member(tool, "description").unwrap_or_default())
    };
    let tools: Vec<_> = all.tools().iter().map(described).collect();
    let places = search::best(&query, tools.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let found = places.into_iter().take(limit).filter_map(|place| tools.get(place)).map(|(name, text)| {
        let summary: String = text.chars().take(DESCRIPTION_CHARS_MAX).collect();
        format!(r#"{{"name":{},"description":{}}}"#, convert::text(name), convert::text(&summary))
    });
    Ok(format!("[{}]", found.collect::<Vec<_>>().join(",")))
}

/// A tool as `tools/list` of the aggregate has it.
fn describe(all: &AggregatedLists, arguments: &Members) -> Result<String, String> {
    let Some(name) = arguments.text("name") else { return Err("`name` must be a string".into()) };
    let tools = all.tools();
    let tool = tools.iter().find(|tool| convert::name(tool).as_deref() == Some(name.as_str()));
    tool.map(|tool| tool.get().to_owned()).ok_or_else(|| format!("there is no tool {name}; search_tools has the names"))
}
