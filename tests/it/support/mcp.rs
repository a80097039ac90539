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
