//! An MCP server on standard input and output that misbehaves as told: `hostile_server MODE [ARGUMENT]`.
//!
//! It speaks the legacy era unless the mode says otherwise, needs hardly more than the standard library, and answers
//! every call in a thread of its own. `modes.rs` says what each mode does, `tools.rs` what each tool does.

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a fake that trips over its own feet is a fake that crashes, which is its job"
)]

mod appetite;
mod attempts;
mod json;
mod malformed;
mod modes;
mod offers;
mod tools;
mod wire;

use std::{
    collections::HashMap,
    io::BufRead,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
};

use modes::Mode;

/// What the fake knows while it runs.
pub(crate) struct Server {
    pub(crate) mode: Mode,
    /// Calls in flight: request id to the caller's `mark`.
    pub(crate) in_flight: Mutex<HashMap<String, String>>,
    /// Marks of the calls that were cancelled.
    pub(crate) cancelled: Mutex<Vec<String>>,
    /// Requests of our own that wait for an answer.
    pub(crate) asked: Mutex<HashMap<String, mpsc::Sender<String>>>,
    /// What there is beside tools, if anything.
    pub(crate) offers: offers::Offers,
    /// How the client introduced itself.
    pub(crate) greeting: Mutex<String>,
    pub(crate) count: AtomicU64,
    pub(crate) grown: AtomicU64,
    pub(crate) pings: AtomicU64,
    /// Set by the first message: a real process keeps one era for life.
    pub(crate) era_modern: AtomicBool,
    initialized: AtomicBool,
    /// Whether a revision was refused that is spoken all the same.
    refused_once: AtomicBool,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "ok".into());
    let mode = Mode { name, argument: arguments.next().unwrap_or_default() };
    modes::before_serving(&mode);
    let server = Arc::new(Server {
        mode,
        in_flight: Mutex::default(),
        cancelled: Mutex::default(),
        asked: Mutex::default(),
        offers: offers::Offers::default(),
        greeting: Mutex::default(),
        count: AtomicU64::new(0),
        grown: AtomicU64::new(0),
        pings: AtomicU64::new(0),
        era_modern: AtomicBool::new(false),
        initialized: AtomicBool::new(false),
        refused_once: AtomicBool::new(false),
    });
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        serve(&server, line);
    }
    modes::after_end_of_input(&server.mode);
}

fn serve(server: &Arc<Server>, line: String) {
    let id = json::field(&line, "id").map(str::to_owned);
    let method = json::string(&line, &["method"]).map(str::to_owned);
    match (id, method.as_deref()) {
        (Some(id), Some(method)) => request(server, id, method, line),
        (Some(id), None) => response(server, &id, line),
        (None, Some("notifications/cancelled")) => cancelled(server, &line),
        (None, _) => {}
    }
}

fn request(server: &Arc<Server>, id: String, method: &str, line: String) {
    if method == "ping" {
        server.pings.fetch_add(1, Ordering::SeqCst);
    }
    match method {
        "server/discover" => discover(server, &id),
        "initialize" => initialize(server, &id, &line),
        "ping" if server.mode.is("ping-hang") => {}
        "ping" if server.mode.is("modern-only") => wire::refuse(&id, -32601, "Method not found"),
        "ping" => wire::answer(&id, "{}"),
        _ if !ready_for_requests(server, &line) => wire::refuse(&id, -32602, "Invalid request parameters"),
        "tools/list" => tools::list(server, &id, &line),
        "tools/call" => call(server, id, line),
        // Gives back what it was sent, to the byte.
        "dev.ostler.fake/echo" => wire::answer(&id, json::field(&line, "params").unwrap_or("{}")),
        _ if server.mode.offers() && offers::request(server, &id, method, &line) => {}
        _ => wire::refuse(&id, -32601, "Method not found"),
    }
}

/// Legacy wants the handshake first; modern wants its envelope on every request.
fn ready_for_requests(server: &Server, line: &str) -> bool {
    if server.era_modern.load(Ordering::SeqCst) {
        let meta = |key| json::at(line, &["params", "_meta", key]).is_some();
        return meta("io.modelcontextprotocol/protocolVersion") && meta("io.modelcontextprotocol/clientCapabilities");
    }
    if server.mode.is("late-dual") && !server.initialized.load(Ordering::SeqCst) {
        server.era_modern.store(true, Ordering::SeqCst);
        return ready_for_requests(server, line);
    }
    server.initialized.load(Ordering::SeqCst)
}

/// Capabilities beyond tools.
fn capabilities(server: &Server) -> String {
    let offers = if server.mode.offers() { offers::CAPABILITIES } else { "" };
    let extensions = r#","extensions":{"io.modelcontextprotocol/tasks":{},"io.modelcontextprotocol/ui":{"x":[1]}}"#;
    format!("{offers}{}", if server.mode.is_app() { extensions } else { "" })
}

fn discover(server: &Server, id: &str) {
    let offers = capabilities(server);
    match server.mode.name.as_str() {
        "discover-silent" => {}
        "second-thoughts" if !server.refused_once.swap(true, Ordering::SeqCst) => wire::line(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32022,"message":"no","data":{{"supported":["2026-07-28"]}}}}}}"#
        )),
        "discover-invalid" => wire::refuse(id, -32602, "Invalid request parameters"),
        "modern-only" | "modern-app" | "second-thoughts" | "dual" | "late-dual" | "half-modern"
            if !server.initialized.load(Ordering::SeqCst) =>
        {
            // The TypeScript SDK takes an `initialize` after this, and keeps to the era of that.
            server.era_modern.store(!server.mode.is("late-dual"), Ordering::SeqCst);
            wire::answer(
                id,
                &format!(
                    r#"{{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{{"tools":{{"listChanged":true}}{offers}}},"ttlMs":0,"cacheScope":"private","_meta":{{"io.modelcontextprotocol/serverInfo":{{"name":"hostile","version":"1"}}}}}}"#
                ),
            );
        }
        _ => wire::refuse(id, -32601, "Method not found"),
    }
}

fn initialize(server: &Server, id: &str, line: &str) {
    if server.mode.is("never-ready") {
        return;
    }
    if server.mode.is("half-modern") {
        server.era_modern.store(false, Ordering::SeqCst);
    }
    if server.mode.is("modern-only") || server.era_modern.load(Ordering::SeqCst) {
        return wire::refuse(id, -32022, "Unsupported protocol version");
    }
    server.initialized.store(true, Ordering::SeqCst);
    let asked = json::string(line, &["params", "protocolVersion"]).unwrap_or("2025-11-25");
    if server.mode.is("declares-nothing") {
        let info = r#""serverInfo":{"name":"hostile","version":"1"}"#;
        return wire::answer(id, &format!(r#"{{"protocolVersion":"2025-11-25","capabilities":{{}},{info}}}"#));
    }
    let offers = capabilities(server);
    let instructions = match server.mode.name.as_str() {
        "wordy" => format!(r#","instructions":"{}""#, "x".repeat(server.mode.number() as usize)),
        _ => String::new(),
    };
    *server.greeting.lock().unwrap() = line.to_owned();
    let version = if server.mode.is("old") { "2024-11-05" } else { asked };
    wire::answer(
        id,
        &format!(
            r#"{{"protocolVersion":"{version}","capabilities":{{"tools":{{"listChanged":true}},"logging":{{}}{offers}}},"serverInfo":{{"name":"hostile","version":"1"}}{instructions}}}"#
        ),
    );
}

fn call(server: &Arc<Server>, id: String, line: String) {
    let mark = json::string(&line, &["params", "arguments", "mark"]).unwrap_or_default().to_owned();
    server.in_flight.lock().unwrap().insert(id.clone(), mark);
    if server.mode.is("half-modern") && server.era_modern.load(Ordering::SeqCst) {
        return wire::refuse(&id, -32600, "initialize is required");
    }
    if json::string(&line, &["params", "name"]) == Some("stop-reading") {
        modes::send(server, &id, Ok(wire::text("from now on nobody reads")));
        modes::for_ever();
    }
    if json::string(&line, &["params", "name"]) == Some("pages-first") && offers::must_visit(server) {
        let pages = json::at(&line, &["params", "arguments", "elicitations"]).unwrap_or("[]");
        return offers::send_to(&id, pages);
    }
    let server = Arc::clone(server);
    std::thread::spawn(move || {
        if modes::before_call(&server, &id, &line) {
            let result = tools::run(&server, &id, &line);
            if server.in_flight.lock().unwrap().remove(&id).is_some() || server.mode.is("answers-late") {
                modes::send(&server, &id, result);
            }
        }
    });
}

fn response(server: &Server, id: &str, line: String) {
    let waiting = server.asked.lock().unwrap().remove(id.trim_matches('"'));
    if let Some(waiting) = waiting {
        let _ = waiting.send(line);
    }
}

fn cancelled(server: &Server, line: &str) {
    let Some(id) = json::at(line, &["params", "requestId"]) else { return };
    offers::cancelled(server, id);
    if let Some(mark) = server.in_flight.lock().unwrap().remove(id) {
        server.cancelled.lock().unwrap().push(mark);
    }
}
