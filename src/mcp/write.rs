//! The lines Ostler writes to a server.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::{
    mcp::{
        Era, LATEST_LEGACY, MODERN,
        declared::without_tasks,
        request::{TRACEPARENT, TRACESTATE},
    },
    model::PropagatedTrace,
};

/// A whole line, its newline included.
pub type Line = Bytes;

/// The keys of `_meta` that say who sends a modern request (2026-07-28, basic/index#meta).
pub(super) const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
pub(super) const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
pub(super) const INFO: &str = "io.modelcontextprotocol/clientInfo";

/// Members of `_meta` of a request that Ostler makes for no client: no capability is declared.
fn meta(era: Era, progress: Option<u64>, trace: Option<&PropagatedTrace>) -> String {
    static SENDER: LazyLock<String> =
        LazyLock::new(|| format!(r#""{VERSION}":"{MODERN}","{CAPABILITIES}":{{}},"{INFO}":{}"#, client_info()));
    let mut meta = String::with_capacity(SENDER.len() + 128);
    if era == Era::Modern {
        meta.push_str(&SENDER);
    }
    let mut add = |member: fmt::Arguments<'_>| {
        let separator = if meta.is_empty() { "" } else { "," };
        // Memory takes everything.
        let _ = write!(meta, "{separator}{member}");
    };
    if let Some(token) = progress {
        add(format_args!(r#""progressToken":{token}"#));
    }
    if let Some(PropagatedTrace { parent, state }) = trace {
        add(format_args!(r#""{TRACEPARENT}":"{parent}""#));
        if let Some(state) = state {
            add(format_args!(r#""{TRACESTATE}":{}"#, json(state)));
        }
    }
    meta
}

/// Our name and version, as `clientInfo`.
pub(super) fn client_info() -> &'static str {
    concat!(r#"{"name":"ostler","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#)
}

/// A request whose `params` are the members given, as JSON without braces, plus `_meta` in the modern era.
#[must_use]
pub fn request(id: u64, method: &str, members: &str, era: Era) -> Line {
    let meta = meta(era, None, None);
    let meta = if meta.is_empty() { meta } else { format!(r#""_meta":{{{meta}}}"#) };
    let separator = if members.is_empty() || meta.is_empty() { "" } else { "," };
    let params = format!("{{{members}{separator}{meta}}}");
    one_line(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#))
}

/// The request `initialize`. `capabilities` is a JSON object: requests that the server may send to its client; none
/// where it is shared by callers, so that it never asks one for another.
#[must_use]
pub fn initialize(id: u64, capabilities: &Arc<RawValue>) -> Line {
    let (info, capabilities) = (client_info(), without_tasks(capabilities));
    let members = format!(r#""protocolVersion":"{LATEST_LEGACY}","capabilities":{capabilities},"clientInfo":{info}"#);
    request(id, "initialize", &members, Era::Legacy)
}

/// A request for the page of a list that begins at `cursor`.
#[must_use]
pub fn list(id: u64, method: &str, cursor: Option<&str>, era: Era) -> Line {
    let members = cursor.map(|cursor| format!(r#""cursor":{}"#, json(cursor))).unwrap_or_default();
    request(id, method, &members, era)
}

/// A `tools/call`; `arguments` go out byte for byte, but for raw newlines between tokens, which become spaces.
#[must_use]
pub fn call_tool(
    id: u64,
    tool: &str,
    arguments: &RawValue,
    era: Era,
    progress: bool,
    trace: Option<&PropagatedTrace>,
) -> Line {
    let arguments = arguments.get();
    let mut line = Vec::with_capacity(arguments.len() + tool.len() + 320);
    line.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    line.extend_from_slice(id.to_string().as_bytes());
    line.extend_from_slice(br#","method":"tools/call","params":{"name":"#);
    push_json(&mut line, tool);
    line.extend_from_slice(br#","arguments":"#);
    push_on_one_line(&mut line, arguments.as_bytes());
    let meta = meta(era, progress.then_some(id), trace);
    if !meta.is_empty() {
        line.extend_from_slice(br#","_meta":{"#);
        line.extend_from_slice(meta.as_bytes());
        line.push(b'}');
    }
    line.extend_from_slice(b"}}\n");
    line.into()
}

/// A notification whose `params` are the members given.
#[must_use]
pub fn notification(method: &str, members: &str) -> Line {
    let params = if members.is_empty() { String::new() } else { format!(r#","params":{{{members}}}"#) };
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"{params}}}\n").into()
}

/// Tells the server to stop working on a request (basic/utilities/cancellation).
#[must_use]
pub fn cancelled(id: u64, reason: &str) -> Line {
    notification("notifications/cancelled", &format!(r#""requestId":{id},"reason":{}"#, json(reason)))
}

/// An answer with an empty result.
#[must_use]
pub fn answer(id: &RawValue) -> Line {
    one_line(format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, id.get()))
}

/// An answer with this result, or this error object.
#[must_use]
pub fn answer_with(id: &RawValue, outcome: Result<&RawValue, &RawValue>) -> Line {
    let (name, value) = match outcome {
        Ok(result) => ("result", result),
        Err(error) => ("error", error),
    };
    one_line(format!(r#"{{"jsonrpc":"2.0","id":{},"{name}":{}}}"#, id.get(), value.get()))
}

/// A JSON-RPC error object.
#[must_use]
pub fn error(code: i64, message: &str, data: Option<&RawValue>) -> Arc<RawValue> {
    let data = data.map(|data| format!(r#","data":{data}"#)).unwrap_or_default();
    let text = format!(r#"{{"code":{code},"message":{}{data}}}"#, json(message));
    // Made of valid parts, so it is valid.
    Arc::from(RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned()))
}

/// Refuses a request for something Ostler does not offer, so that the server never waits for it.
#[must_use]
pub fn method_not_found(id: &RawValue, method: &str) -> Line {
    let message = json(&format!("ostler does not offer {method}"));
    one_line(format!(r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32601,"message":{message}}}}}"#, id.get()))
}

fn one_line(text: String) -> Line {
    let mut line = Vec::with_capacity(text.len() + 1);
    push_on_one_line(&mut line, text.as_bytes());
    line.push(b'\n');
    line.into()
}

/// Valid JSON holds raw line ends between tokens only, so a space in their place changes nothing.
pub(super) fn push_on_one_line(line: &mut Vec<u8>, json: &[u8]) {
    let mut rest = json;
    while let Some((before, after)) = memchr::memchr2(b'\n', b'\r', rest).and_then(|at| rest.split_at_checked(at)) {
        line.extend_from_slice(before);
        line.push(b' ');
        rest = after.get(1..).unwrap_or_default();
    }
    line.extend_from_slice(rest);
}

/// `text` as a JSON string.
pub(super) fn json(text: &str) -> String {
    // Every text can be written.
    serde_json::to_string(text).unwrap_or_default()
}

/// Writes `text` as a JSON string.
pub(super) fn push_json(line: &mut Vec<u8>, text: &str) {
    // Memory takes everything.
    let _ = serde_json::to_writer(line, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TraceContext;

    fn boxed(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.into()).unwrap()
    }

    #[test]
    fn arguments_go_out_byte_for_byte_on_one_line() {
        let line = call_tool(7, "a\"b", &boxed("{\"z\": 9007199254740993,\r\n \"a\":1e400}"), Era::Legacy, false, None);
        assert_eq!(
            line,
            &br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a\"b","arguments":{"z": 9007199254740993,   "a":1e400}}}
"#[..]
        );
    }

    #[test]
    fn modern_requests_carry_their_meta() {
        let parent = TraceContext { trace_id: 1, span_id: 2, flags: 1 };
        let trace = PropagatedTrace { parent, state: Some("a=\"".into()) };
        let line = call_tool(7, "echo", &boxed("{}"), Era::Modern, true, Some(&trace));
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], MODERN);
        assert_eq!(value["params"]["_meta"]["progressToken"], 7);
        assert_eq!(value["params"]["_meta"]["traceparent"], parent.to_string());
        assert_eq!(value["params"]["_meta"]["tracestate"], "a=\"");
        let line = request(8, "tools/list", r#""cursor":"x""#, Era::Modern);
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["params"]["cursor"], "x");
        assert!(value["params"]["_meta"].is_object());
    }

    #[test]
    fn ids_of_servers_come_back_as_they_were() {
        let line = method_not_found(&boxed("\"a-1\""), "roots/list");
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!((value["id"].as_str(), value["error"]["code"].as_i64()), (Some("a-1"), Some(-32601)));
        assert_eq!(answer(&boxed("3")), "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}\n");
    }
}
