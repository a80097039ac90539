//! Requests and notifications, as a server of either era takes them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    call::{Call, Failure, Outcome},
    content, listening, offers,
    server::{Era, Server, Session},
    tools,
};

const MODERN: &str = "2026-07-28";
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const CACHEABLE: [&str; 6] =
    ["server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"];

/// Takes a message; requests are worked on in threads of their own.
pub(crate) fn take(server: &Arc<Server>, message: Value) {
    let id = message.get("id").cloned();
    let params = message.get("params").cloned().unwrap_or_else(|| json!({}));
    match (id, message["method"].as_str()) {
        (Some(id), Some("subscriptions/listen")) if server.era == Era::Modern => {
            if let Err(failure) = envelope(&params) {
                return settle(server, "subscriptions/listen", &id, Err(failure));
            }
            listening::listen(server, id, &params);
        }
        (Some(id), Some(method)) => {
            server.working.lock().unwrap().insert(id.to_string());
            // In order, so that nothing overtakes the handshake or a level that is set.
            match session_request(server, method, &params) {
                Some(outcome) => settle(server, method, &id, outcome),
                None => work_on(server, method.to_owned(), id, params),
            }
        }
        (Some(id), None) => answered(server, &id, message),
        (None, Some("notifications/cancelled")) => {
            server.working.lock().unwrap().remove(&params["requestId"].to_string());
            listening::cancelled(server, &params["requestId"]);
        }
        (None, _) => {}
    }
}

fn work_on(server: &Arc<Server>, method: String, id: Value, params: Value) {
    let server = Arc::clone(server);
    std::thread::spawn(move || {
        let outcome = match server.era {
            Era::Modern => envelope(&params).and_then(|()| request(&server, &method, params)),
            Era::Legacy if !server.session.lock().unwrap().initialized => {
                Err(Failure::Error(-32602, "initialize comes first".into(), json!({})))
            }
            Era::Legacy => request(&server, &method, params),
        };
        settle(&server, &method, &id, outcome);
    });
}

/// Every request of the newer era says who sends it.
fn envelope(params: &Value) -> Result<(), Failure> {
    let meta = |key: &str| &params["_meta"][format!("io.modelcontextprotocol/{key}")];
    if !meta("protocolVersion").is_string() || !meta("clientCapabilities").is_object() {
        return Err(Failure::Error(-32602, "_meta lacks protocolVersion or clientCapabilities".into(), json!({})));
    }
    if meta("protocolVersion") != MODERN {
        let data = json!({"supported": [MODERN], "requested": meta("protocolVersion")});
        return Err(Failure::Error(-32022, "Unsupported protocol version".into(), data));
    }
    Ok(())
}

/// What only the older era has.
fn session_request(server: &Server, method: &str, params: &Value) -> Option<Outcome> {
    if server.era == Era::Modern {
        let data = json!({"supported": [MODERN], "requested": params["protocolVersion"]});
        let refused = || Failure::Error(-32022, "Unsupported protocol version".into(), data);
        return (method == "initialize").then(|| Err(refused()));
    }
    let mut session = server.session.lock().unwrap();
    let uri = || params["uri"].as_str().unwrap_or_default();
    match method {
        "initialize" => return Some(Ok(initialize(&mut session, params))),
        "ping" => {}
        "logging/setLevel" => session.log_level = params["level"].as_str().map(str::to_owned),
        "resources/subscribe" => drop(session.subscriptions.insert(uri().to_owned())),
        "resources/unsubscribe" => drop(session.subscriptions.remove(uri())),
        _ => return None,
    }
    Some(Ok(json!({})))
}

fn initialize(session: &mut Session, params: &Value) -> Value {
    session.initialized = true;
    session.capabilities = params["capabilities"].clone();
    let asked = params["protocolVersion"].as_str().filter(|asked| LEGACY.contains(asked));
    json!({
        "protocolVersion": asked.unwrap_or("2025-11-25"), "capabilities": capabilities(Era::Legacy),
        "serverInfo": identity(), "instructions": INSTRUCTIONS,
    })
}

const INSTRUCTIONS: &str = "Call the tools by the names the suite gives them.";

fn identity() -> Value {
    json!({"name": "conformance", "title": "Conformance fixture", "version": "1.0.0"})
}

fn capabilities(era: Era) -> Value {
    let mut all = json!({
        "tools": {"listChanged": true}, "prompts": {"listChanged": true}, "completions": {}, "logging": {},
        "resources": {"subscribe": true},
    });
    if era == Era::Legacy {
        all["experimental"] = json!({"dev.ostler/fixture": {"kept": true}});
    }
    all
}

/// What both eras have.
fn request(server: &Arc<Server>, method: &str, params: Value) -> Outcome {
    match method {
        "server/discover" if server.era == Era::Modern => Ok(json!({
            "supportedVersions": [MODERN], "capabilities": capabilities(Era::Modern), "instructions": INSTRUCTIONS,
        })),
        "tools/list" => Ok(offers::tools(server)),
        "prompts/list" => Ok(offers::prompts(server)),
        "resources/list" => Ok(offers::resources()),
        "resources/templates/list" => Ok(offers::templates()),
        "resources/read" => content::read(params["uri"].as_str().unwrap_or_default()),
        "completion/complete" => {
            let typed = params["argument"]["value"].as_str().unwrap_or_default();
            let values: Vec<_> = ["paris", "park", "party"].into_iter().filter(|one| one.starts_with(typed)).collect();
            Ok(json!({"completion": {"total": values.len(), "hasMore": false, "values": values}}))
        }
        "tools/call" => tools::run(&Call::new(server, method, params)?),
        "prompts/get" => content::prompt(&Call::new(server, method, params)?),
        _ => Err(Failure::Error(-32601, format!("Method not found: {method}"), json!({}))),
    }
}

/// Answers, unless it was cancelled meanwhile.
fn settle(server: &Server, method: &str, id: &Value, outcome: Outcome) {
    let cancelled = !server.working.lock().unwrap().remove(&id.to_string()) && method != "subscriptions/listen";
    if cancelled {
        return;
    }
    server.write(&match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": completed(server.era, method, result)}),
        Err(Failure::InputRequired(mut result)) => {
            result["resultType"] = json!("input_required");
            result["_meta"] = json!({"io.modelcontextprotocol/serverInfo": identity()});
            json!({"jsonrpc": "2.0", "id": id, "result": result})
        }
        Err(Failure::Refused(why)) => error(id, -32603, &why, json!({})),
        // The code that the newer era gave up.
        Err(Failure::Error(-32002, message, data)) if server.era == Era::Modern => error(id, -32602, &message, data),
        Err(Failure::Error(code, message, data)) => error(id, code, &message, data),
    });
}

fn completed(era: Era, method: &str, mut result: Value) -> Value {
    if era == Era::Modern {
        result["resultType"] = json!("complete");
        result["_meta"] = json!({"io.modelcontextprotocol/serverInfo": identity()});
        if CACHEABLE.contains(&method) {
            result["ttlMs"] = json!(0);
            result["cacheScope"] = json!("private");
        }
    }
    result
}

fn error(id: &Value, code: i32, message: &str, data: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message, "data": data}})
}

/// A client answered a question of ours.
fn answered(server: &Server, id: &Value, message: Value) {
    let waiting = id.as_str().and_then(|id| server.session.lock().unwrap().asked.remove(id));
    if let Some(waiting) = waiting {
        let _ = waiting.send(message);
    }
}
