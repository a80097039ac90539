//! An MCP client of either era, every byte under the test's control, on a connection that it keeps.

use ostler::mcp::Members;
use serde_json::value::RawValue;

use super::{Answer, Caller, Value, http::Exchange};

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

/// A client at one endpoint.
pub struct Kept {
    caller: Caller,
    path: String,
    exchange: Option<Exchange>,
    /// The session of the older era; the newer one has none.
    pub session: Option<String>,
    next_id: u64,
}

/// What came back for a request.
#[derive(Debug)]
pub struct Heard {
    pub status: u16,
    /// What was said before the answer, as it was written.
    pub notes: Vec<String>,
    /// The answer, as it was written.
    pub text: String,
    /// The answer; `null` where it holds a number that a `Value` cannot.
    pub json: Value,
}

impl Caller {
    /// A client of the newer era.
    pub fn modern(&self, path: &str) -> Kept {
        Kept { caller: self.clone(), path: path.into(), exchange: None, session: None, next_id: 1 }
    }

    /// A client of the older era, its session begun.
    #[track_caller]
    pub fn legacy(&self, path: &str) -> Kept {
        self.legacy_with(path, "{}")
    }

    /// A client of the older era that declares capabilities.
    #[track_caller]
    pub fn legacy_with(&self, path: &str, capabilities: &str) -> Kept {
        let mut client = self.modern(path);
        let info = r#""clientInfo":{"name":"test","version":"1"}"#;
        let params = format!(r#"{{"protocolVersion":"{LEGACY}","capabilities":{capabilities},{info}}}"#);
        let body = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#);
        let answer = client.post(&[], &body).unwrap().is(200);
        client.session = answer.header("mcp-session-id").map(str::to_owned);
        assert!(client.session.is_some(), "no session: {answer:?}");
        client.post(&[], r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).unwrap().is(202);
        client
    }
}

impl Kept {
    /// Asks, with the text of `params`, and waits for the answer. In the newer era `_meta` gets what belongs there.
    #[track_caller]
    pub fn ask(&mut self, method: &str, params: &str) -> Heard {
        self.try_ask(method, params).unwrap_or_else(|error| panic!("{method} {params}: {error}"))
    }

    /// As [`Kept::ask`], where Ostler may have gone away.
    pub fn try_ask(&mut self, method: &str, params: &str) -> std::io::Result<Heard> {
        let id = self.next_id;
        self.next_id += 1;
        let params = if self.session.is_some() { params.to_owned() } else { enveloped(params) };
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
        let members = members(&params);
        let name = members.text("name").or(members.text("uri")).unwrap_or_default();
        let answer = self.post(&[("Mcp-Method", method), ("Mcp-Name", &name)], &body)?;
        Ok(heard(&answer, id))
    }

    /// Calls a tool with the text of `arguments`, and a progress token where there is one.
    #[track_caller]
    pub fn call(&mut self, tool: &str, arguments: &str, token: Option<&str>) -> Heard {
        self.try_call(tool, arguments, token).unwrap_or_else(|error| panic!("{tool} {arguments}: {error}"))
    }

    /// As [`Kept::call`], where Ostler may have gone away.
    pub fn try_call(&mut self, tool: &str, arguments: &str, token: Option<&str>) -> std::io::Result<Heard> {
        let meta = token.map(|token| format!(r#","_meta":{{"progressToken":"{token}"}}"#)).unwrap_or_default();
        self.try_ask("tools/call", &format!(r#"{{"name":"{tool}","arguments":{arguments}{meta}}}"#))
    }

    /// Posts a body as it is, with what the era wants in the head.
    pub fn post(&mut self, more: &[(&str, &str)], body: &str) -> std::io::Result<Answer> {
        let mut head = format!("POST {} HTTP/1.1\r\nHost: {}\r\n", self.path, self.caller.address);
        let token = self.caller.token.clone().unwrap_or_default();
        let version = if self.session.is_some() { LEGACY } else { MODERN };
        let modern = more.iter().filter(|(_, value)| self.session.is_none() && !value.is_empty());
        let session = self.session.iter().map(|session| ("Mcp-Session-Id", session.as_str()));
        // Before there is a session, `initialize` says which revision it wants.
        let version = (!body.contains(r#""method":"initialize""#)).then_some(("MCP-Protocol-Version", version));
        let authorization = format!("Bearer {token}");
        let fixed = [
            ("Authorization", authorization.as_str()),
            ("Accept", "application/json, text/event-stream"),
            ("Content-Type", "application/json"),
        ];
        for (name, value) in fixed.into_iter().chain(session).chain(version).chain(modern.copied()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let exchange = self.exchange.get_or_insert_with(|| Exchange::connect(self.caller.address));
        let answer = exchange.write(request.as_bytes()).and_then(|()| exchange.next(&self.path));
        if answer.as_ref().is_ok_and(|answer| answer.header("connection") == Some("close")) || answer.is_err() {
            self.exchange = None;
        }
        answer
    }
}

/// `params` with what the newer era wants in `_meta`.
fn enveloped(params: &str) -> String {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap().into();
    let mut params = members(params);
    let mut meta = params.get("_meta").map(|meta| members(meta.get())).unwrap_or_default();
    meta.set("io.modelcontextprotocol/protocolVersion", raw(&format!("\"{MODERN}\"")));
    meta.set("io.modelcontextprotocol/clientCapabilities", raw("{}"));
    params.set("_meta", meta.to_raw().into());
    params.to_string()
}

/// The answer to a request, and what came before it.
#[track_caller]
fn heard(answer: &Answer, id: u64) -> Heard {
    let text = answer.text();
    let mut messages: Vec<String> = match answer.header("content-type") {
        Some("text/event-stream") => {
            let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
            data.filter(|data| !data.is_empty()).map(str::to_owned).collect()
        }
        _ => vec![text],
    };
    let text = messages.pop().unwrap_or_default();
    let told = members(&text).get("id").map(|id| id.get().to_owned());
    assert_eq!(told, Some(id.to_string()), "{answer:?}");
    let json = serde_json::from_str(&text).unwrap_or_default();
    Heard { status: answer.status, notes: messages, text, json }
}

/// The members of an object, as they were written.
#[track_caller]
pub fn members(text: &str) -> Members {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
