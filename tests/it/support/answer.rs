//! An answer, and what a test may claim about it; a failed claim prints the whole answer.

use serde_json::Value;

use super::http::Headers;

/// What came back.
#[derive(Clone)]
pub struct Answer {
    what: String,
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
    /// The body as JSON, `null` where it is none.
    pub json: Value,
}

impl Answer {
    pub fn new(what: String, status: u16, headers: Headers, body: Vec<u8>) -> Self {
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Self { what, status, headers, body, json }
    }

    /// Claims the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "status of {self:?}");
        self
    }

    /// Claims one of several statuses.
    #[track_caller]
    pub fn any_of(self, statuses: &[u16]) -> Self {
        assert!(statuses.contains(&self.status), "status none of {statuses:?}: {self:?}");
        self
    }

    /// Claims what stands at a JSON Pointer.
    #[track_caller]
    pub fn has(self, pointer: &str, value: impl Into<Value>) -> Self {
        assert_eq!(*self.at(pointer), value.into(), "{pointer} of {self:?}");
        self
    }

    /// Claims that nothing, or `null`, stands at a JSON Pointer.
    #[track_caller]
    pub fn lacks(self, pointer: &str) -> Self {
        assert!(self.json.pointer(pointer).is_none_or(Value::is_null), "{pointer} of {self:?}");
        self
    }

    /// Claims an RFC 9457 problem with this status and code, complete in all its members.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
        for member in ["/type", "/title", "/detail", "/instance", "/requestId"] {
            assert!(answer.at(member).is_string(), "{member} is missing: {answer:?}");
        }
        answer.has("/status", status).has("/code", code)
    }

    /// Claims a JSON-RPC error with this status as its code, and a whole problem of this code as its data.
    #[track_caller]
    pub fn rpc_problem(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
        for member in ["/error/message", "/error/data/type", "/error/data/detail", "/error/data/requestId"] {
            assert!(answer.at(member).is_string(), "{member} is missing: {answer:?}");
        }
        answer.has("/jsonrpc", "2.0").has("/error/code", status).has("/error/data/code", code)
    }

    /// What stands at a JSON Pointer; something must.
    #[track_caller]
    pub fn at(&self, pointer: &str) -> &Value {
        self.json.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}: {self:?}"))
    }

    /// The string at a JSON Pointer.
    #[track_caller]
    pub fn string(&self, pointer: &str) -> String {
        self.at(pointer).as_str().unwrap_or_else(|| panic!("no string at {pointer}: {self:?}")).to_owned()
    }

    /// The whole number at a JSON Pointer.
    #[track_caller]
    pub fn number(&self, pointer: &str) -> u64 {
        self.at(pointer).as_u64().unwrap_or_else(|| panic!("no number at {pointer}: {self:?}"))
    }

    /// The list at a JSON Pointer.
    #[track_caller]
    pub fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().unwrap_or_else(|| panic!("no list at {pointer}: {self:?}"))
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first text of an MCP tool result.
    #[track_caller]
    pub fn said(&self) -> String {
        self.string("/result/content/0/text")
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: String = self.text().chars().take(2_000).collect();
        writeln!(f, "{} → {}", self.what, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {value}")?;
        }
        writeln!(f, "  {text}")
    }
}
