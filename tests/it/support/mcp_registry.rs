//! A registry of MCP servers on loopback (MCP registry API v0.1) that misbehaves on order.

use std::sync::{Arc, Mutex};

use super::{
    upstream::{Seen, Then, Upstream},
    *,
};

/// The answer to a request for a list.
#[derive(Clone, Debug)]
pub enum Listing {
    /// These entries, so many on a page; with an `ETag`, under which they are not sent again.
    Entries(Vec<Value>, usize),
    /// A status, and a pause that is asked for in seconds.
    Status(u16, Option<u64>),
    /// The first request gets this status and pause, later ones the entries.
    StatusFirst(u16, u64, Vec<Value>),
    /// Pages that are always followed by another.
    Endless,
    /// Pages whose cursor is always the same.
    Circle,
    /// A page of so many bytes.
    Bytes(usize),
}

/// A registry; it is there for as long as this.
pub struct McpRegistry {
    upstream: Upstream,
    listing: Arc<Mutex<Listing>>,
}

impl McpRegistry {
    /// A registry that answers with a listing.
    pub fn start(listing: Listing) -> Self {
        let listing = Arc::new(Mutex::new(listing));
        let shared = listing.clone();
        let upstream = Upstream::start(move |seen, wire| {
            wire.send(answer(seen, &mut shared.lock().unwrap()));
            Then::Close
        });
        Self { upstream, listing }
    }

    /// Answers with another listing from now on.
    pub fn set(&self, listing: Listing) {
        *self.listing.lock().unwrap() = listing;
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.upstream.address)
    }

    /// Every request that arrived.
    pub fn seen(&self) -> Vec<Seen> {
        self.upstream.seen()
    }
}

/// An entry of a package of npm, as a registry lists it.
pub fn listed(name: &str, title: &str) -> Value {
    let package = json!({"registryType": "npm", "identifier": "@some/server", "version": "1.0.0",
        "transport": {"type": "stdio"},
        "environmentVariables": [{"name": "TOKEN", "isRequired": true, "isSecret": true}]});
    let server = json!({"name": name, "title": title, "description": "Of a registry", "version": "1.0.0",
        "packages": [package]});
    json!({"server": server, "_meta": {"io.modelcontextprotocol.registry/official":
        {"status": "active", "isLatest": true, "publishedAt": "2026-11-30T12:00:00Z"}}})
}

/// One that can only be found.
pub fn of_kind(name: &str, kind: &str) -> Value {
    let mut entry = listed(name, name);
    entry["server"]["packages"][0]["registryType"] = kind.into();
    entry
}

fn answer(seen: &Seen, listing: &mut Listing) -> String {
    let page = |entries: &[Value], next: Option<String>| {
        json!({"servers": entries, "metadata": {"count": entries.len(), "nextCursor": next}}).to_string()
    };
    let cursor = seen.target.split("cursor=").nth(1).map(|rest| rest.split('&').next().unwrap());
    let number: usize = cursor.and_then(|text| text.parse().ok()).unwrap_or_default();
    match listing.clone() {
        Listing::Entries(entries, length) => {
            let tag = format!("\"{}\"", entries.len());
            if entries.len() <= length && seen.header("if-none-match") == Some(&tag) {
                return "HTTP/1.1 304 Not Modified\r\n\r\n".into();
            }
            let last = entries.len().min(number + length);
            let next = (last < entries.len()).then(|| last.to_string());
            ok(&page(&entries[number.min(last)..last], next), &format!("ETag: {tag}\r\n"))
        }
        Listing::Status(status, pause) => refusal(status, pause),
        Listing::StatusFirst(status, pause, entries) => {
            *listing = Listing::Entries(entries, 100);
            refusal(status, Some(pause))
        }
        Listing::Endless => ok(&page(&[listed("a/same", "Same")], Some((number + 1).to_string())), ""),
        Listing::Circle => ok(&page(&[listed("a/same", "Same")], Some("1".into())), ""),
        Listing::Bytes(bytes) => ok(&format!(r#"{{"servers": [], "_meta": "{}"}}"#, "x".repeat(bytes)), ""),
    }
}

fn ok(body: &str, more: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{more}Content-Length: {length}\r\n\r\n{body}")
}

fn refusal(status: u16, pause: Option<u64>) -> String {
    let pause = pause.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
    format!("HTTP/1.1 {status} Because\r\n{pause}Content-Length: 0\r\n\r\n")
}
