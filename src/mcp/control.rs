//! The handful of answers that Ostler itself reads.

use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    mcp::{Era, Level, MODERN, Members, RpcError},
    model::from_json,
};

/// The code of an error that refuses a revision (2026-07-28, basic/versioning).
const UNSUPPORTED_VERSION: i64 = -32022;

/// Codes of errors from servers that miss `initialize`: that of an invalid request, and that of the Language Server
/// Protocol for this, which some servers took over.
const NOT_INITIALIZED: [i64; 2] = [-32600, -32002];

/// The code of an error that knows no such method (JSON-RPC 2.0, 5.1).
const METHOD_NOT_FOUND: i64 = -32601;

/// The result of `initialize` (2025-11-25, basic/lifecycle).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Initialized {
    /// The revision the server chose.
    pub protocol_version: String,
}

/// The result of `server/discover` (2026-07-28, server/discover).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discovered {
    supported_versions: Vec<String>,
}

impl Discovered {
    /// True when the server speaks `MODERN`, the modern revision that Ostler speaks.
    #[must_use]
    pub fn speaks_modern(&self) -> bool {
        self.supported_versions.iter().any(|version| version == MODERN)
    }
}

/// True when an error refuses a revision and names `MODERN` as supported (2026-07-28, basic/versioning).
#[must_use]
pub fn speaks_modern_after_all(error: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Refused {
        code: i64,
        data: Supported,
    }
    #[derive(Deserialize)]
    struct Supported {
        supported: Vec<String>,
    }
    let refused = from_json::<Refused>(error.get()).ok().filter(|refused| refused.code == UNSUPPORTED_VERSION);
    refused.is_some_and(|refused| refused.data.supported.iter().any(|version| version == MODERN))
}

/// True when an error refuses a request because of the era that it was sent in.
///
/// A modern revision knows no `initialize`, so that a refusal that asks for it comes from a server that only answers
/// `server/discover` in that era.
#[must_use]
pub fn wants_other_era(error: &RawValue, era: Era) -> bool {
    match era {
        Era::Legacy => speaks_modern_after_all(error),
        Era::Modern => {
            let RpcError { code, message } = RpcError::read(error);
            // A message about a resource may name anything.
            NOT_INITIALIZED.contains(&code)
                && message.to_ascii_lowercase().contains("initializ")
                && !message.contains("://")
        }
    }
}

/// True when an error says that the server does not have the method.
#[must_use]
pub fn is_method_not_found(error: &RawValue) -> bool {
    RpcError::read(error).code == METHOD_NOT_FOUND
}

/// The `capabilities` of a server.
#[derive(Clone, Debug, Default)]
pub struct Capabilities(Members);

impl Capabilities {
    /// Those in a result of `initialize` or `server/discover`; none where it has none.
    #[must_use]
    pub fn of(greeting: &RawValue) -> Self {
        let greeting = Members::parse(greeting).unwrap_or_default();
        let capabilities = greeting.get("capabilities").and_then(|object| Members::parse(object).ok());
        Self(capabilities.unwrap_or_default())
    }

    /// True when the server has this one.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value.get() != "null")
    }

    /// True when the server says of no list that it has it.
    #[must_use]
    pub fn declares_no_list(&self) -> bool {
        !["tools", "prompts", "resources"].iter().any(|name| self.has(name))
    }

    /// True when the server may have the list that this one stands for: some that have lists declare none at all.
    #[must_use]
    pub fn may_list(&self, name: &str) -> bool {
        self.has(name) || self.declares_no_list()
    }

    /// True when a part of this one is `true`: `listChanged` or `subscribe`.
    #[must_use]
    pub fn says(&self, name: &str, part: &str) -> bool {
        let parts = self.0.get(name).and_then(|parts| Members::parse(parts).ok());
        parts.is_some_and(|parts| parts.get(part).is_some_and(|value| value.get() == "true"))
    }
}

/// A page of a list; each item as the server wrote it.
#[derive(Debug)]
pub struct ListPage {
    /// The items of this page.
    pub items: Vec<Arc<RawValue>>,
    /// Cursor of the next page.
    pub next_cursor: Option<String>,
}

impl ListPage {
    /// Reads a result whose items are the member `name`.
    pub fn read(result: &RawValue, name: &str) -> serde_json::Result<Self> {
        let page = Members::parse(result)?;
        let items = page.get(name).ok_or_else(|| serde::de::Error::custom(format!("there is no `{name}`")))?;
        // An empty list of Go.
        let items: Option<_> = serde_json::from_str(items.get())?;
        Ok(Self { items: items.unwrap_or_default(), next_cursor: page.text("nextCursor") })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallToolResult<'a> {
    #[serde(default)]
    is_error: bool,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

impl CallToolResult<'_> {
    fn text(&self) -> String {
        let parts: Vec<TextContent> =
            self.content.and_then(|content| from_json(content.get()).ok()).unwrap_or_default();
        parts.into_iter().filter_map(|part| part.text).collect::<Vec<_>>().join("\n")
    }
}

#[derive(Deserialize)]
struct TextContent {
    #[serde(default)]
    text: Option<String>,
}

/// The text of a `CallToolResult`, its parts joined by line ends; empty where it has none.
#[must_use]
pub fn tool_text(result: &RawValue) -> String {
    from_json::<CallToolResult<'_>>(result.get()).map_or_else(|_| String::new(), |result| result.text())
}

/// The text of a `CallToolResult` with `isError`; `None` where the tool succeeded.
#[must_use]
pub fn tool_error_text(result: &RawValue) -> Option<String> {
    let result: CallToolResult<'_> = from_json(result.get()).ok()?;
    if !result.is_error {
        return None;
    }
    let text = result.text();
    Some(if text.is_empty() { "the tool failed and did not say why".into() } else { text })
}

/// Progress of a request as its server reports it, read no further than its token.
pub struct Progress<'a> {
    params: &'a str,
    token: &'a str,
}

impl<'a> Progress<'a> {
    /// Reads the `params` of `notifications/progress`; `None` where they name no request.
    #[must_use]
    pub fn read(params: &'a RawValue) -> Option<Self> {
        #[derive(Deserialize)]
        struct ProgressParams<'a> {
            #[serde(borrow, rename = "progressToken")]
            token: &'a RawValue,
        }
        let read: ProgressParams<'a> = from_json(params.get()).ok()?;
        Some(Self { params: params.get(), token: read.token.get() })
    }

    /// Id of the request it is about, where the token is one that Ostler issued.
    #[must_use]
    pub fn request(&self) -> Option<u64> {
        self.token.parse().ok()
    }

    /// The `params` with `token` in place of Ostler's; the rest is as the server wrote it, byte for byte.
    #[must_use]
    pub fn with_token(&self, token: &RawValue) -> Option<Box<RawValue>> {
        let start = self.token.as_ptr().addr().checked_sub(self.params.as_ptr().addr())?;
        let (before, rest) = self.params.split_at_checked(start)?;
        let after = rest.strip_prefix(self.token)?;
        RawValue::from_string(format!("{before}{token}{after}")).ok()
    }
}

/// The level of a `notifications/message`, by its `params`; `None` where it has none that is known.
#[must_use]
pub fn message_level(params: &RawValue) -> Option<Level> {
    #[derive(Deserialize)]
    struct LogMessageParams<'a> {
        #[serde(borrow)]
        level: Cow<'a, str>,
    }
    from_json::<LogMessageParams<'_>>(params.get()).ok().and_then(|params| Level::named(&params.level))
}

/// Takes the id of the `subscriptions/listen` that a notification came by out of its `params`.
pub fn take_subscription(params: &mut Members) -> Option<Arc<RawValue>> {
    let mut meta = Members::parse(params.get("_meta")?).ok()?;
    let id = meta.remove("io.modelcontextprotocol/subscriptionId")?;
    if meta.is_empty() {
        params.remove("_meta");
    } else {
        params.set("_meta", Arc::from(meta.to_raw()));
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_tool_is_quoted_and_a_good_one_is_not_a_failure() {
        let text = |json: &str| tool_error_text(&RawValue::from_string(json.into()).unwrap());
        assert_eq!(text(r#"{"content":[{"type":"text","text":"no"}],"isError":true}"#).as_deref(), Some("no"));
        assert_eq!(text(r#"{"content":[],"isError":false}"#), None);
        assert_eq!(text(r#"{"content":[{"type":"image"}]}"#), None);
        assert!(text(r#"{"isError":true}"#).is_some());
    }

    #[test]
    fn progress_is_forwarded_byte_for_byte_but_for_its_token() {
        let params = r#"{ "message":"7: \"progressToken\":7" , "progressToken" : 7,"total":1e400, "new":[7] }"#;
        let params = RawValue::from_string(params.into()).unwrap();
        let progress = Progress::read(&params).unwrap();
        assert_eq!(progress.request(), Some(7));
        let expected = r#"{ "message":"7: \"progressToken\":7" , "progressToken" : "a\"b","total":1e400, "new":[7] }"#;
        let token = RawValue::from_string(r#""a\"b""#.into()).unwrap();
        assert_eq!(progress.with_token(&token).unwrap().get(), expected);
    }

    #[test]
    fn progress_with_an_unknown_token_matches_no_request() {
        let request = |json: &str| Progress::read(&RawValue::from_string(json.into()).unwrap())?.request();
        for json in ["{}", "[]", r#"{"progressToken":"7"}"#, r#"{"progressToken":-7}"#, r#"{"progressToken":{}}"#] {
            assert_eq!(request(json), None, "{json}");
        }
    }

    #[test]
    fn a_refusal_that_names_our_revision_is_none() {
        let speaks = |json: &str| speaks_modern_after_all(&RawValue::from_string(json.into()).unwrap());
        assert!(speaks(r#"{"code":-32022,"message":"","data":{"supported":["2031-01-01","2026-07-28"]}}"#));
        assert!(!speaks(r#"{"code":-32022,"message":"","data":{"supported":["2025-11-25"]}}"#));
        assert!(!speaks(r#"{"code":-32601,"message":"","data":{"supported":["2026-07-28"]}}"#));
        assert!(!speaks(r#"{"code":-32022,"message":""}"#));
    }

    #[test]
    fn a_refusal_that_misses_initialize_wants_the_older_era() {
        let wants = |json: &str, era| wants_other_era(&RawValue::from_string(json.into()).unwrap(), era);
        for json in [
            r#"{"code":-32600,"message":"initialize is required"}"#,
            r#"{"code":-32600,"message":"method \"tools/call\" is invalid during session Initialization"}"#,
            r#"{"code":-32002,"message":"Server not initialized"}"#,
        ] {
            assert!(wants(json, Era::Modern) && !wants(json, Era::Legacy), "{json}");
        }
        for json in [
            r#"{"code":-32603,"message":"the browser could not be initialized"}"#,
            r#"{"code":-32600,"message":"Invalid Request"}"#,
            r#"{"code":-32002,"message":"Resource not found"}"#,
            r#"{"code":-32600}"#,
        ] {
            assert!(!wants(json, Era::Modern), "{json}");
        }
        let newer = r#"{"code":-32022,"message":"","data":{"supported":["2026-07-28"]}}"#;
        assert!(wants(newer, Era::Legacy) && !wants(newer, Era::Modern));
    }

    #[test]
    fn the_text_of_a_result_is_that_of_all_its_parts() {
        let text = |json: &str| tool_text(&RawValue::from_string(json.into()).unwrap());
        let parts = r#"[{"type":"text","text":"oats"},{"type":"image"},{"type":"text","text":"hay"}]"#;
        assert_eq!(text(&format!(r#"{{"content":{parts}}}"#)), "oats\nhay");
        assert_eq!(text(r#"{"structuredContent":{}}"#), "");
    }
}
