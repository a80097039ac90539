//! Messages: read one level deep, written by hand. Ids, tokens and arguments are passed on as they were written.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::demo_server::{call::Call, style::Style};

/// The name and version of this server, as JSON.
pub(crate) const SERVER: &str = concat!(r#"{"name":"ostler-demo","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// Time for which a client may keep a list, in milliseconds: long, since it never changes.
const TTL_MS: u32 = 3_600_000;

/// The fields of a message.
#[derive(Debug, Deserialize)]
pub(crate) struct DemoMessage<'a> {
    /// The id; none in a notification.
    #[serde(borrow, default)]
    pub(crate) id: Option<&'a RawValue>,
    /// The method; empty in an answer.
    #[serde(borrow, default)]
    pub(crate) method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

impl<'a> DemoMessage<'a> {
    /// The parameters that any method here knows.
    pub(crate) fn params(&self) -> Result<DemoParams<'a>, DemoError> {
        let Some(params) = self.params else { return Ok(DemoParams::default()) };
        serde_json::from_str(params.get()).map_err(|error| DemoError::params(&error.to_string()))
    }
}

/// Parameters, of whichever method.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DemoParams<'a> {
    /// Of `tools/call`: the tool; of `prompts/get`: the prompt.
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    /// Of `resources/read`: the resource.
    #[serde(borrow)]
    pub(crate) uri: Cow<'a, str>,
    /// Of both that have a name: its arguments.
    #[serde(borrow)]
    pub(crate) arguments: Option<&'a RawValue>,
    /// Of `initialize`: the revision.
    pub(crate) protocol_version: Option<Cow<'a, str>>,
    /// Of `notifications/cancelled`: the request.
    #[serde(borrow)]
    pub(crate) request_id: Option<&'a RawValue>,
    /// Metadata of any request.
    #[serde(borrow, rename = "_meta")]
    pub(crate) meta: Option<DemoMeta<'a>>,
}

/// The `_meta` of any request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DemoMeta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientCapabilities")]
    capabilities: Option<&'a RawValue>,
    /// Names the request in reports of its progress.
    #[serde(borrow, rename = "progressToken")]
    pub(crate) progress_token: Option<&'a RawValue>,
}

impl DemoParams<'_> {
    /// The revision that a modern request names.
    pub(crate) fn version(&self) -> Option<&str> {
        self.meta.as_ref()?.version.as_deref()
    }

    /// True when a modern request declares its client's capabilities.
    pub(crate) fn names_capabilities(&self) -> bool {
        self.meta.as_ref().is_some_and(|meta| meta.capabilities.is_some())
    }
}

/// The error with which a request is answered.
#[derive(Debug)]
pub(crate) struct DemoError {
    code: i32,
    message: String,
    data: Option<Value>,
}

impl DemoError {
    /// The request does not belong here now.
    pub(crate) fn request(message: &str) -> Self {
        Self { code: -32600, message: message.to_owned(), data: None }
    }

    /// There is no such method.
    pub(crate) fn unknown_method(method: &str) -> Self {
        Self { code: -32601, message: format!("Method not found: {method}"), data: None }
    }

    /// The parameters are wrong.
    pub(crate) fn params(message: &str) -> Self {
        Self { code: -32602, message: message.to_owned(), data: None }
    }

    /// There is no such resource; each era has its own code for it.
    pub(crate) fn resource(uri: &str, style: Style) -> Self {
        let code = match style {
            Style::Legacy => -32002,
            Style::Modern => -32602,
        };
        Self { code, message: format!("Unknown resource: {uri}"), data: Some(serde_json::json!({"uri": uri})) }
    }

    /// The revision is not spoken here.
    pub(crate) fn version(requested: Option<&str>, supported: &str) -> Self {
        let data = serde_json::json!({"supported": [supported], "requested": requested});
        Self { code: -32022, message: "Unsupported protocol version".to_owned(), data: Some(data) }
    }
}

/// Appends a result with these members.
pub(crate) fn result(out: &mut Vec<u8>, id: Option<&RawValue>, style: Style, members: &str) {
    let id = id.map_or("null", RawValue::get);
    append(out, &[r#"{"jsonrpc":"2.0","id":"#, id, r#","result":{"#]);
    if style == Style::Modern {
        append(out, &[r#""resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":"#, SERVER, "}"]);
        append(out, &[if members.is_empty() { "" } else { "," }]);
    }
    append(out, &[members, "}}\n"]);
}

/// Appends a result that a modern client may keep.
pub(crate) fn listing(out: &mut Vec<u8>, id: Option<&RawValue>, style: Style, members: &str) {
    match style {
        Style::Legacy => result(out, id, style, members),
        Style::Modern => result(out, id, style, &format!(r#""ttlMs":{TTL_MS},"cacheScope":"public",{members}"#)),
    }
}

/// Appends what a tool gave: `text` is a JSON string, `structured` any JSON.
pub(crate) fn content(out: &mut Vec<u8>, call: &Call<'_>, text: &str, structured: Option<&str>) {
    let members = match structured {
        None => format!(r#""content":[{{"type":"text","text":{text}}}]"#),
        Some(json) => format!(r#""content":[{{"type":"text","text":{text}}}],"structuredContent":{json}"#),
    };
    result(out, Some(call.id), call.style, &members);
}

/// Appends that a tool failed.
pub(crate) fn failure(out: &mut Vec<u8>, call: &Call<'_>, message: &str) {
    let members = format!(r#""content":[{{"type":"text","text":{}}}],"isError":true"#, string(message));
    result(out, Some(call.id), call.style, &members);
}

/// Appends an error.
pub(crate) fn error(out: &mut Vec<u8>, id: Option<&RawValue>, refusal: &DemoError) {
    let id = id.map_or("null", RawValue::get);
    let mut error = serde_json::json!({"code": refusal.code, "message": refusal.message});
    if let (Some(members), Some(data)) = (error.as_object_mut(), &refusal.data) {
        members.insert("data".to_owned(), data.clone());
    }
    append(out, &[r#"{"jsonrpc":"2.0","id":"#, id, r#","error":"#, &error.to_string(), "}\n"]);
}

/// A report of progress, as one line.
pub(crate) fn progress(token: &RawValue, done: u32, total: u32) -> String {
    let params = format!(r#"{{"progressToken":{},"progress":{done},"total":{total}}}"#, token.get());
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{params}}}\n")
}

/// `text` as a JSON string.
pub(crate) fn string(text: &str) -> String {
    Value::from(text).to_string()
}

fn append(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}
