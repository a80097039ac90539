//! One JSON-RPC message of a server.

use std::collections::BTreeMap;

use serde_json::{Value, value::RawValue};

use crate::{
    mcp::{self, Capabilities, Era, ItemKind, ListPage, Members, Message, Progress, Request, RpcError},
    model::TraceContext,
    policy::nesting,
};

/// A line of UTF-8 that is read as a message is JSON to any reader, its parts are those of the object byte for byte,
/// and what Ostler writes of them is read as the same.
pub fn envelope(line: &[u8]) {
    let Ok(message) = Message::parse(line) else { return };
    // What is passed over may be in any encoding.
    let Ok(line) = std::str::from_utf8(line) else { return };
    let json = line.strip_prefix('\u{feff}').unwrap_or(line);
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).unwrap();
    let member = |name: &str| members.get(name).map(|value| value.get());
    let given = |name: &str| member(name).filter(|value| *value != "null");
    assert_eq!(member("jsonrpc").and_then(text).as_deref(), Some("2.0"));
    assert_eq!(matches!(message, Message::Answer { .. }), given("method").is_none());
    match message {
        Message::Request { id, method, params } => {
            assert_eq!((Some(id.get()), params.map(RawValue::get)), (given("id"), given("params")));
            assert_eq!(Some(&*method), given("method").and_then(text).as_deref());
            request(&method, params);
            let refused = mcp::method_not_found(id, &method);
            assert!(matches!(one_line(&refused), Message::Answer { outcome: Err(_), .. }));
        }
        Message::Notification { method, params } => {
            assert_eq!((None, params.map(RawValue::get)), (given("id"), given("params")));
            request(&method, params);
        }
        Message::Answer { id, outcome } => {
            let is_error = given("error").is_some() || member("result").is_none();
            assert_eq!((outcome.is_err(), id.is_some() <= given("id").is_some()), (is_error, true));
            assert_eq!(Some(raw(outcome).get()), member(if is_error { "error" } else { "result" }));
            answer(id, outcome);
        }
    }
    depth(json);
}

fn text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

fn raw<'a>(outcome: Result<&'a RawValue, &'a RawValue>) -> &'a RawValue {
    outcome.unwrap_or_else(|error| error)
}

/// A message of Ostler's own, which is one line.
fn one_line(line: &[u8]) -> Message<'_> {
    let text = line.strip_suffix(b"\n").unwrap();
    assert!(!text.contains(&b'\n') && !text.contains(&b'\r'));
    Message::parse(text).unwrap()
}

fn request(method: &str, params: Option<&RawValue>) {
    if let Some(params) = params {
        progress(params);
        let _ = mcp::message_level(params);
    }
    let Ok(mut request) = Request::new(method, params) else { return };
    members(&request.params);
    let parent = TraceContext { trace_id: 1, span_id: 2, flags: 1 };
    request.set_parent(parent);
    assert_eq!(request.traceparent().as_deref().and_then(TraceContext::parse), Some(parent));
    let _ = mcp::take_subscription(&mut request.params);
}

/// An object that is written as it was read.
fn members(members: &Members) {
    let again = Members::parse(&members.to_raw()).unwrap();
    let both = members.iter().zip(again.iter());
    assert!(both.into_iter().all(|((name, value), (found, same))| name == found && value.get() == same.get()));
    assert_eq!(members.iter().count(), again.iter().count());
}

/// A token is replaced, and nothing else.
fn progress(params: &RawValue) {
    let token = RawValue::from_string("7".to_owned()).unwrap();
    let Some(progress) = Progress::read(params) else { return };
    let replaced = progress.with_token(&token).unwrap();
    let again = Progress::read(&replaced).unwrap();
    assert_eq!(again.request(), Some(7));
    let value =
        |json: &RawValue| serde_json::from_str::<BTreeMap<String, &RawValue>>(json.get()).map(|it| it.len()).ok();
    assert_eq!(value(params), value(&replaced));
}

fn answer(id: Option<u64>, outcome: Result<&RawValue, &RawValue>) {
    if let Some(id) = id {
        let id = RawValue::from_string(id.to_string()).unwrap();
        let line = mcp::answer_with(&id, outcome);
        let Message::Answer { id: found, outcome: same } = one_line(&line) else { panic!("no answer any more") };
        assert_eq!(found.map(|id| id.to_string()).as_deref(), Some(id.get()));
        // Line ends between tokens are blanks now.
        let json = |json: &RawValue| json.get().replace(['\r', '\n'], " ");
        // An error that is `null` stands for none beside a result alone.
        assert_eq!((same.is_err(), json(raw(same))), (outcome.is_err(), json(raw(outcome))));
    }
    match outcome {
        Ok(result) => {
            let _ = (mcp::tool_error_text(result), mcp::tool_text(result), Capabilities::of(result).may_list("tools"));
            for (name, kind) in [("tools", ItemKind::Tool), ("prompts", ItemKind::Prompt)] {
                let page = ListPage::read(result, name).ok();
                for item in page.into_iter().flat_map(|page| page.items) {
                    vetted(kind, &item);
                }
            }
        }
        Err(error) => {
            let _ = (RpcError::read(error), mcp::wants_other_era(error, Era::Legacy), mcp::is_method_not_found(error));
        }
    }
}

/// A mended item needs no mending.
fn vetted(kind: ItemKind, item: &std::sync::Arc<RawValue>) {
    let Some(mended) = mcp::vet_item(kind, Era::Modern, item).item else { return };
    let again = mcp::vet_item(kind, Era::Modern, &mended);
    assert!(again.faults.is_empty(), "{:?} in {mended}", again.faults);
    assert_eq!(again.item.map(|item| item.get().to_owned()).as_deref(), Some(mended.get()));
}

/// Levels are those that a reader of the whole value finds.
fn depth(text: &str) {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let depth = levels(&value);
    for most in [0, 1, 2, depth.saturating_sub(1), depth] {
        // Members named twice are gone from the value.
        assert!(nesting::exceeds(text, most) || depth <= most, "{depth} levels are not more than {most}");
    }
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
