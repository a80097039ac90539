//! Any client with any server: what Ostler makes of the differences between the two eras.

mod asking;
mod eras;
mod extensions;
mod links;
mod listening;
mod malformed;
mod pages;
mod together;

use crate::support::{
    http::Ask,
    mcp::{LEGACY, Legacy, Modern},
    server::built_example,
    *,
};

/// A server of one era that has everything, the same for both.
fn fixture(era: &str) -> Spec {
    Spec::new(built_example("conformance_server").to_str().unwrap(), json!(["--era", era])).named(era)
}

/// One that each session has for itself.
fn exclusive(era: &str) -> Spec {
    fixture(era).set("isolation", json!("per-session"))
}

/// A request of a stateless client that declares something.
fn declaring(client: &Modern, capabilities: &Value, method: &str, mut params: Value) -> Ask {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
    let name = params["name"].as_str().or(params["uri"].as_str()).unwrap_or_default().to_owned();
    client
        .post(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", method)
        .header("Mcp-Name", &name)
}

/// A session of a client that declares something.
#[track_caller]
fn session(caller: &Caller, path: &str, capabilities: &Value) -> Legacy {
    let new = Legacy { caller: caller.clone(), path: path.into(), session: String::new(), version: LEGACY.to_owned() };
    let params =
        json!({"protocolVersion": LEGACY, "capabilities": capabilities, "clientInfo": {"name": "t", "version": "1"}});
    let answer = new.send(1, "initialize", params).is(200);
    Legacy { session: answer.header("mcp-session-id").unwrap().to_owned(), ..new }
}
