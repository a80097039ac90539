//! Results of one era for clients of the other.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{SERVER_INFO, raw, shape, text};
use crate::mcp::{ClientMethod, Members};

/// The result of a server with the handshake as a stateless client expects it: it says that it is complete, who made
/// it, and that it is not to be kept. What it says of itself already stays.
#[must_use]
pub fn to_modern(method: &str, result: &Arc<RawValue>, info: Option<&Arc<RawValue>>) -> Arc<RawValue> {
    let Ok(mut members) = Members::parse(result) else { return result.clone() };
    let mut add = |name: &str, value: Arc<RawValue>| {
        if members.get(name).is_none() {
            members.set(name, value);
        }
    };
    add("resultType", text("complete"));
    if ClientMethod::find(method).is_some_and(|known| known.is_cacheable) {
        add("ttlMs", raw("0".into()));
        add("cacheScope", text("private"));
    }
    if method == "tools/list" {
        shape::drop_task_support(&mut members);
    }
    if let Some(info) = info {
        let mut meta = members.get("_meta").and_then(|meta| Members::parse(meta).ok()).unwrap_or_default();
        if meta.get(SERVER_INFO).is_none() {
            meta.set(SERVER_INFO, info.clone());
            members.set("_meta", Arc::from(meta.to_raw()));
        }
    }
    Arc::from(members.to_raw())
}

/// A complete result of a stateless server as a client with the handshake expects it. `has_object_output` answers, of a
/// `tools/call`, whether the tool's schema describes an object; it is asked only where that matters.
#[must_use]
pub fn to_legacy(method: &str, result: &Arc<RawValue>, has_object_output: impl FnOnce() -> bool) -> Arc<RawValue> {
    let Ok(mut members) = Members::parse(result) else { return result.clone() };
    members.retain(|name| !["resultType", "ttlMs", "cacheScope"].contains(&name));
    drop_server_info(&mut members);
    match method {
        "tools/list" => shape::wrap_schemas(&mut members),
        "tools/call" => shape::wrap_structured(&mut members, has_object_output),
        _ => {}
    }
    Arc::from(members.to_raw())
}

/// Takes out who made the result: an older client would show it to its model with each one.
fn drop_server_info(result: &mut Members) {
    let Some(Ok(mut meta)) = result.get("_meta").map(|meta| Members::parse(meta)) else { return };
    if meta.remove(SERVER_INFO).is_none() {
        return;
    }
    if meta.is_empty() {
        result.remove("_meta");
    } else {
        result.set("_meta", Arc::from(meta.to_raw()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modern(method: &str, json: &str) -> String {
        let info = raw(r#"{"name":"a"}"#.into());
        to_modern(method, &raw(json.into()), Some(&info)).get().to_owned()
    }

    fn legacy(method: &str, json: &str) -> String {
        to_legacy(method, &raw(json.into()), || false).get().to_owned()
    }

    #[test]
    fn a_result_is_completed_and_otherwise_untouched() {
        assert_eq!(
            modern("tools/call", r#"{"content":[ 1e400 ],"x":{"b":1,"a":2}}"#),
            r#"{"content":[ 1e400 ],"x":{"b":1,"a":2},"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"a"}}}"#
        );
        assert_eq!(
            modern("resources/read", r#"{"_meta":{"v":1},"ttlMs":9,"contents":[]}"#),
            r#"{"_meta":{"v":1,"io.modelcontextprotocol/serverInfo":{"name":"a"}},"ttlMs":9,"contents":[],"resultType":"complete","cacheScope":"private"}"#
        );
        assert_eq!(modern("tools/call", "[1]"), "[1]");
    }

    #[test]
    fn every_list_forbids_caching() {
        for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
            let result = modern(method, "{}");
            assert!(result.contains(r#""ttlMs":0,"cacheScope":"private""#), "{method}: {result}");
        }
        assert!(!modern("prompts/get", "{}").contains("ttlMs"));
    }

    #[test]
    fn what_only_modern_clients_know_is_taken_out() {
        let result = r#"{"resultType":"complete","contents":[],"ttlMs":1,"cacheScope":"public","_meta":{"a":1}}"#;
        assert_eq!(legacy("resources/read", result), r#"{"contents":[],"_meta":{"a":1}}"#);
        let result = r#"{"content":[],"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"a"},"b":[ 1]}}"#;
        assert_eq!(legacy("tools/call", result), r#"{"content":[],"_meta":{"b":[ 1]}}"#);
        let result = r#"{"messages":[],"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"a"}}}"#;
        assert_eq!(legacy("prompts/get", result), r#"{"messages":[]}"#);
    }
}
