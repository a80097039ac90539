//! The lines Ostler writes to a server.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::mcp::{Declared, Era, LATEST_LEGACY, MODERN, Members, Request, declared::without_tasks};

/// A whole line, its newline included.
pub type Line = Bytes;

/// The first part of every `_meta` key that the specification gives a meaning.
const OURS: &str = "io.modelcontextprotocol/";

/// The members of `_meta` of a request that speaks for nobody in particular: no capability is declared.
fn meta(era: Era, progress: Option<u64>, trace: Option<&str>) -> String {
    let modern = (era == Era::Modern).then(|| {
        format!(
            r#""{OURS}protocolVersion":"{MODERN}","{OURS}clientCapabilities":{{}},"{OURS}clientInfo":{}"#,
            client_info()
        )
    });
    let progress = progress.map(|token| format!(r#""progressToken":{token}"#));
    let trace = trace.map(|trace| format!(r#""traceparent":{}"#, json(trace)));
    [modern, progress, trace].into_iter().flatten().collect::<Vec<_>>().join(",")
}

/// Our name and version, as `clientInfo`.
fn client_info() -> &'static str {
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

/// The handshake's opening. `capabilities` is a JSON object, what the server may ask of us: nothing, where it is shared by
/// callers, so that it never asks one for another.
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
/// `trace` is a `traceparent` (W3C Trace Context).
#[must_use]
pub fn call_tool(id: u64, tool: &str, arguments: &RawValue, era: Era, progress: bool, trace: Option<&str>) -> Line {
    let arguments = arguments.get();
    let mut line = Vec::with_capacity(arguments.len() + tool.len() + 320);
    line.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    line.extend_from_slice(id.to_string().as_bytes());
    line.extend_from_slice(br#","method":"tools/call","params":{"name":"#);
    line.extend_from_slice(json(tool).as_bytes());
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

/// A client's request in the server's era. Of its `params`, only what `_meta` says of the client and the progress token
/// are replaced, each in its place; the token is `id` where `progress` is wanted.
#[must_use]
pub fn ask(id: u64, request: &Request, client: &Declared, era: Era, progress: bool) -> Line {
    let before = request.meta();
    let mut meta = before.clone();
    match era {
        Era::Legacy => meta.retain(|name| !name.starts_with(OURS)),
        Era::Modern => declare(&mut meta, client),
    }
    match raw(id.to_string()).filter(|_| progress) {
        Some(token) => meta.set("progressToken", token),
        None => drop(meta.remove("progressToken")),
    }
    let params = if meta.to_string() == before.to_string() {
        request.params.to_string()
    } else {
        let mut changed = request.clone();
        changed.set_meta(&meta);
        changed.params.to_string()
    };
    one_line(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{},"params":{params}}}"#, json(&request.method)))
}

/// Has `_meta` say whom a modern request is from.
fn declare(meta: &mut Members, client: &Declared) {
    let mut say = |name: &str, value: Option<Arc<RawValue>>| {
        let name = format!("{OURS}{name}");
        match value {
            Some(value) => meta.set(&name, value),
            None => drop(meta.remove(&name)),
        }
    };
    say("protocolVersion", raw(json(MODERN)));
    say("clientCapabilities", Some(client.passed_on()));
    say("clientInfo", client.info.clone().or_else(|| raw(client_info().to_owned())));
    say("logLevel", client.log_level.as_deref().and_then(|level| raw(json(level))));
}

/// A client's notification in the server's era: an older one hears nothing of the newer.
#[must_use]
pub fn pass_on(notification: &Request, era: Era) -> Line {
    let mut told = notification.clone();
    let (before, mut meta) = (told.meta(), told.meta());
    if era == Era::Legacy {
        meta.retain(|name| !name.starts_with(OURS));
    }
    if meta.to_string() != before.to_string() {
        told.set_meta(&meta);
    }
    let params = if told.params.is_empty() { String::new() } else { format!(r#","params":{}"#, told.params) };
    one_line(format!(r#"{{"jsonrpc":"2.0","method":{}{params}}}"#, json(&told.method)))
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
fn push_on_one_line(line: &mut Vec<u8>, json: &[u8]) {
    let mut rest = json;
    while let Some((before, after)) = memchr::memchr2(b'\n', b'\r', rest).and_then(|at| rest.split_at_checked(at)) {
        line.extend_from_slice(before);
        line.push(b' ');
        rest = after.get(1..).unwrap_or_default();
    }
    line.extend_from_slice(rest);
}

/// Text that is JSON.
fn raw(json: String) -> Option<Arc<RawValue>> {
    RawValue::from_string(json).ok().map(Arc::from)
}

/// `text` as a JSON string.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let line = call_tool(7, "echo", &boxed("{}"), Era::Modern, true, Some("00-x"));
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], MODERN);
        assert_eq!(value["params"]["_meta"]["progressToken"], 7);
        assert_eq!(value["params"]["_meta"]["traceparent"], "00-x");
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

    fn client(log_level: Option<&str>) -> Declared {
        let capabilities = raw(r#"{"roots":{ }}"#.into()).unwrap();
        Declared { capabilities, info: None, log_level: log_level.map(str::to_owned) }
    }

    fn asked(params: &str, era: Era, progress: bool) -> String {
        let request = Request::new("x/y", Some(&boxed(params))).unwrap();
        let line = ask(7, &request, &client(Some("info")), era, progress);
        let text = String::from_utf8(line.to_vec()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let params = text.strip_prefix(r#"{"jsonrpc":"2.0","id":7,"method":"x/y","params":"#).unwrap();
        params.strip_suffix("}\n").unwrap().to_owned()
    }

    #[test]
    fn an_older_server_hears_nothing_of_the_newer_era() {
        let params = r#"{"z":1e400,"_meta":{"b": [1,\n2],"io.modelcontextprotocol/logLevel":"info","progressToken":"t","a":{}},"y":2}"#
            .replace("\\n", "\n");
        let told = r#"{"z":1e400,"_meta":{"b":[1, 2],"progressToken":7,"a":{}},"y":2}"#;
        assert_eq!(asked(&params, Era::Legacy, true), told);
        let untold = r#"{"z":1e400,"_meta":{"b":[1, 2],"a":{}},"y":2}"#;
        assert_eq!(asked(&params, Era::Legacy, false), untold);
        for same in ["{}", r#"{"_meta":{ "b" : 1 }}"#, r#"{"_meta":{}}"#, r#"{"_meta":7}"#] {
            assert_eq!(asked(same, Era::Legacy, false), same);
        }
        assert_eq!(asked(r#"{"_meta":{"progressToken":1},"a":1}"#, Era::Legacy, false), r#"{"a":1}"#);
    }

    #[test]
    fn a_newer_server_hears_who_asks_in_the_place_where_it_stood() {
        let said = asked(
            r#"{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"tasks":{}},"v/x":1},"y":2}"#,
            Era::Modern,
            true,
        );
        let start = r#"{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"roots":{ }},"v/x":1,"io.modelcontextprotocol/protocolVersion":"2026-07-28","#;
        let end = r#""io.modelcontextprotocol/logLevel":"info","progressToken":7},"y":2}"#;
        assert!(said.starts_with(start) && said.ends_with(end), "{said}");
        assert!(asked(r#"{"y":2}"#, Era::Modern, false).starts_with(r#"{"y":2,"_meta":{"io.modelcontext"#));
    }
}
