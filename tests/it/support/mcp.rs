//! An MCP client of either era, every byte under the test's control, on a connection that it keeps.

use ostler::mcp::Members;
use serde_json::value::RawValue;

use super::{Answer, Caller, Value, http::Exchange};

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

/// A client at one endpoint.
pub struct Mcp {
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
    /// The answer.
    pub json: Value,
}

impl Caller {
    /// A client of the newer era.
    pub fn modern(&self, path: &str) -> Mcp {
        Mcp { caller: self.clone(), path: path.into(), exchange: None, session: None, next_id: 1 }
    }

    /// A client of the older era, its session begun.
    #[track_caller]
    pub fn legacy(&self, path: &str) -> Mcp {
        self.legacy_with(path, "{}")
    }

    /// A client of the older era that declares capabilities.
    #[track_caller]
    pub fn legacy_with(&self, path: &str, capabilities: &str) -> Mcp {
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

impl Mcp {
    /// Asks, with the text of `params`, and waits for the answer. In the newer era `_meta` gets what belongs there.
    #[track_caller]
    pub fn ask(&mut self, method: &str, params: &str) -> Heard {
        self.try_ask(method, params).unwrap_or_else(|error| panic!("{method} {params}: {error}"))
    }

    /// As [`Mcp::ask`], where Ostler may have gone away.
    pub fn try_ask(&mut self, method: &str, params: &str) -> std::io::Result<Heard> {
        let id = self.next_id;
        self.next_id += 1;
        let params = if self.session.is_some() { params.to_owned() } else { enveloped(params) };
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
        let name = serde_json::from_str::<Value>(&params).unwrap_or_default();
        let name = name["name"].as_str().or(name["uri"].as_str()).unwrap_or_default().to_owned();
        let answer = self.post(&[("Mcp-Method", method), ("Mcp-Name", &name)], &body)?;
        Ok(heard(&answer, id))
    }

    /// Calls a tool with the text of `arguments`, and a progress token where there is one.
    #[track_caller]
    pub fn call(&mut self, tool: &str, arguments: &str, token: Option<&str>) -> Heard {
        self.try_call(tool, arguments, token).unwrap_or_else(|error| panic!("{tool} {arguments}: {error}"))
    }

    /// As [`Mcp::call`], where Ostler may have gone away.
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
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let mut params = Members::parse(&raw(params)).unwrap();
    let mut meta = params.get("_meta").map(|meta| Members::parse(meta).unwrap()).unwrap_or_default();
    meta.set("io.modelcontextprotocol/protocolVersion", raw(&format!("\"{MODERN}\"")).into());
    meta.set("io.modelcontextprotocol/clientCapabilities", raw("{}").into());
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
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert!(json["id"] == id, "an answer to request {id}: {answer:?}");
    Heard { status: answer.status, notes: messages, text, json }
//! MCP clients of both eras at the front door, with every byte under the test's control.

use serde_json::{Value, json};

use super::{Answer, Caller, events::Events, http::Ask};

pub const MODERN: &str = "2026-07-28";
pub const LEGACY: &str = "2025-11-25";

/// A client of the newer era.
#[derive(Clone, Debug)]
pub struct Modern {
    pub caller: Caller,
    pub path: String,
}

impl Modern {
    pub fn new(caller: &Caller, path: &str) -> Self {
        Self { caller: caller.clone(), path: path.into() }
    }

    /// A whole request, as a good client sends it.
    pub fn ask(&self, method: &str, mut params: Value) -> Ask {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let name = params["name"].as_str().or(params["uri"].as_str()).unwrap_or_default().to_owned();
        self.post(&json!({"jsonrpc": "2.0", "id": "q-1", "method": method, "params": params}))
            .header("MCP-Protocol-Version", MODERN)
            .header("Mcp-Method", method)
            .header("Mcp-Name", &name)
    }

    /// A body and nothing else.
    pub fn post(&self, body: &Value) -> Ask {
        self.caller.ask("POST", &self.path).header("Accept", "application/json, text/event-stream").json(body)
    }

    #[track_caller]
    pub fn send(&self, method: &str, params: Value) -> Answer {
        self.ask(method, params).send()
    }

    #[track_caller]
    pub fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.send("tools/call", json!({"name": tool, "arguments": arguments}))
    }
}

/// A client of the older era, in a session.
#[derive(Clone, Debug)]
pub struct Legacy {
    pub caller: Caller,
    pub path: String,
    pub session: String,
    pub version: String,
}

impl Legacy {
    /// Begins a session with this revision.
    #[track_caller]
    pub fn begin(caller: &Caller, path: &str, version: &str) -> Self {
        let params =
            json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let new = Self { caller: caller.clone(), path: path.into(), session: String::new(), version: version.into() };
        let answer = new.send(1, "initialize", params).is(200);
        let session = answer.header("mcp-session-id").unwrap_or_else(|| panic!("no session: {answer:?}")).to_owned();
        Self { session, version: answer.string("/result/protocolVersion"), ..new }
    }

    /// Any body.
    pub fn post(&self, body: &Value) -> Ask {
        self.at("POST").header("Accept", "application/json, text/event-stream").json(body)
    }

    pub fn ask(&self, id: u64, method: &str, params: Value) -> Ask {
        self.post(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
    }

    #[track_caller]
    pub fn send(&self, id: u64, method: &str, params: Value) -> Answer {
        self.ask(id, method, params).send()
    }

    #[track_caller]
    pub fn call(&self, id: u64, tool: &str, arguments: Value) -> Answer {
        self.send(id, "tools/call", json!({"name": tool, "arguments": arguments}))
    }

    #[track_caller]
    pub fn notify(&self, method: &str, params: Value) -> Answer {
        self.post(&json!({"jsonrpc": "2.0", "method": method, "params": params})).send()
    }

    /// The standalone stream, or what is left of another after this event.
    #[track_caller]
    pub fn listen(&self, after: &str) -> Events {
        Events::open(self.at("GET").header("Last-Event-ID", after))
    }

    #[track_caller]
    pub fn end(&self) -> Answer {
        self.at("DELETE").send()
    }

    /// A request of this session.
    pub fn at(&self, method: &str) -> Ask {
        let version = if self.session.is_empty() { "" } else { &self.version };
        self.caller
            .ask(method, &self.path)
            .header("Mcp-Session-Id", &self.session)
            .header("MCP-Protocol-Version", version)
    }
}
