//! Results of `initialize` and `server/discover`, in which a server introduces itself.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{SERVER_INFO, raw, text};
use crate::mcp::{LATEST_LEGACY, MODERN, Members, declared::without_tasks, is_legacy, surrogates::has_lone_surrogate};

/// True when `greeting` is the result of `server/discover`, not of `initialize`.
#[must_use]
pub fn is_modern(greeting: &RawValue) -> bool {
    Members::parse(greeting).is_ok_and(|greeting| greeting.get("supportedVersions").is_some())
}

/// The revision with the handshake in which a client that asked for `requested` is answered (basic/lifecycle).
#[must_use]
pub fn negotiated(requested: &str) -> &str {
    if is_legacy(requested) { requested } else { LATEST_LEGACY }
}

/// The server's name and version, where it gave them.
#[must_use]
pub fn server_info(greeting: &RawValue) -> Option<Arc<RawValue>> {
    let greeting = Members::parse(greeting).ok()?;
    if let Some(info) = greeting.get("serverInfo") {
        return Some(info.clone());
    }
    let meta = Members::parse(greeting.get("_meta")?).ok()?;
    meta.get(SERVER_INFO).cloned()
}

/// The server's capabilities; none where it gave none.
#[must_use]
pub fn capabilities(greeting: &RawValue) -> Members {
    let greeting = Members::parse(greeting).unwrap_or_default();
    greeting.get("capabilities").and_then(|capabilities| Members::parse(capabilities).ok()).unwrap_or_default()
}

/// The greeting with further capabilities, of which nothing more is known.
#[must_use]
pub fn with_capabilities<'a>(greeting: &Arc<RawValue>, names: impl Iterator<Item = &'a str>) -> Arc<RawValue> {
    let mut declared = capabilities(greeting);
    for name in names {
        declared.set(name, raw("{}".into()));
    }
    let mut result = Members::parse(greeting).unwrap_or_default();
    result.set("capabilities", Arc::from(declared.to_raw()));
    Arc::from(result.to_raw())
}

/// The server's `instructions`: its usage, in words for a model.
#[must_use]
pub fn instructions(greeting: &RawValue) -> Option<String> {
    Members::parse(greeting).ok()?.text("instructions")
}

/// The result of `initialize` for a client that asked for the revision `requested`; `name` is for servers without one.
#[must_use]
pub fn as_initialized(greeting: &RawValue, requested: &str, name: &str) -> Arc<RawValue> {
    let info = server_info(greeting).unwrap_or_else(|| nameless(name));
    let mut result = Members::parse(greeting).unwrap_or_default();
    if is_modern(greeting) {
        result.retain(|one| !["supportedVersions", "resultType", "ttlMs", "cacheScope", "_meta"].contains(&one));
    }
    result.set("protocolVersion", text(negotiated(requested)));
    result.set("capabilities", offered(greeting));
    result.set("serverInfo", info);
    Arc::from(result.to_raw())
}

/// The result of `server/discover`; one of a modern server stays as it is, but for tasks.
#[must_use]
pub fn as_discovered(greeting: &Arc<RawValue>, name: &str) -> Arc<RawValue> {
    if is_modern(greeting) && !greeting.get().contains("tasks") {
        return greeting.clone();
    }
    let info = server_info(greeting).unwrap_or_else(|| nameless(name));
    let mut result = Members::parse(greeting).unwrap_or_default();
    result.set("capabilities", offered(greeting));
    if is_modern(greeting) {
        return Arc::from(result.to_raw());
    }
    let meta = result.remove("_meta").and_then(|meta| Members::parse(&meta).ok());
    result.retain(|one| one != "protocolVersion" && one != "serverInfo");
    result.set("supportedVersions", raw(format!("[\"{MODERN}\"]")));
    let mut meta = meta.unwrap_or_default();
    meta.set(SERVER_INFO, info);
    result.set("_meta", Arc::from(meta.to_raw()));
    result.set("resultType", text("complete"));
    result.set("ttlMs", raw("0".into()));
    result.set("cacheScope", text("private"));
    Arc::from(result.to_raw())
}

/// Extensions that a server offers, and the settings of each, without tasks and those of which no client could make
/// anything.
#[must_use]
pub fn extensions(greeting: &RawValue) -> Members {
    let offered = Members::parse(&offered(greeting)).unwrap_or_default();
    let all = offered.get("extensions").and_then(|one| Members::parse(one).ok()).unwrap_or_default();
    let mut extensions = Members::default();
    for (name, settings) in all.iter() {
        if settings.get().starts_with('{') && !has_lone_surrogate(settings.get()) {
            extensions.set(name, settings.clone());
        }
    }
    extensions
}

/// The capabilities of a server that clients hear of. A task would outlive the request that it belongs to, and with it
/// the knowledge of who may see it.
fn offered(greeting: &RawValue) -> Arc<RawValue> {
    without_tasks(&Arc::from(capabilities(greeting).to_raw()))
}

fn nameless(name: &str) -> Arc<RawValue> {
    raw(format!(r#"{{"name":{},"version":"0"}}"#, text(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISCOVERED: &str = r#"{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"extensions":{"a":{}}},"instructions":"dig","resultType":"complete","ttlMs":5,"cacheScope":"public","x-new":1e400,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"spade","version":"1"}}}"#;
    const INITIALIZED: &str = r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{},"tasks":{}},"serverInfo":{"name":"spade","version":"1","title":"S"},"instructions":"dig","x-new":1e400}"#;

    #[test]
    fn a_modern_server_is_introduced_to_an_older_client() {
        let result = as_initialized(&raw(DISCOVERED.into()), "2025-06-18", "n");
        assert_eq!(
            result.get(),
            r#"{"capabilities":{"tools":{"listChanged":true},"extensions":{"a":{}}},"instructions":"dig","x-new":1e400,"protocolVersion":"2025-06-18","serverInfo":{"name":"spade","version":"1"}}"#
        );
    }

    #[test]
    fn an_older_server_is_introduced_to_a_modern_client() {
        let result = as_discovered(&raw(INITIALIZED.into()), "n");
        assert_eq!(
            result.get(),
            r#"{"capabilities":{"tools":{}},"instructions":"dig","x-new":1e400,"supportedVersions":["2026-07-28"],"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"spade","version":"1","title":"S"}},"resultType":"complete","ttlMs":0,"cacheScope":"private"}"#
        );
    }

    #[test]
    fn within_an_era_only_what_is_negotiated_changes() {
        assert_eq!(as_discovered(&raw(DISCOVERED.into()), "n").get(), DISCOVERED);
        let result = as_initialized(&raw(INITIALIZED.into()), "2024-11-05", "n");
        assert_eq!(result.get(), INITIALIZED.replace("2025-06-18", "2024-11-05").replace(r#","tasks":{}"#, ""));
    }

    #[test]
    fn every_extension_but_tasks_is_passed_on() {
        let both = r#""extensions":{"io.modelcontextprotocol/tasks":{},"io.modelcontextprotocol/ui":{"x":[ 1]}}"#;
        let rest = r#""extensions":{"io.modelcontextprotocol/ui":{"x":[ 1]}}"#;
        let discovered = DISCOVERED.replace(r#""extensions":{"a":{}}"#, both);
        assert_eq!(as_discovered(&raw(discovered.clone()), "n").get(), discovered.replace(both, rest));
        let initialized = INITIALIZED.replace(r#""tasks":{}"#, both);
        assert_eq!(as_initialized(&raw(initialized.clone()), "2025-06-18", "n").get(), initialized.replace(both, rest));
        assert!(as_discovered(&raw(initialized), "n").get().contains(rest));
        let greeting = |extensions: &str| raw(format!(r#"{{"capabilities":{{"extensions":{extensions}}}}}"#));
        assert_eq!(extensions(&greeting(r#"{"a":{},"b":null,"c":{"d":"\ud800"},"e":7}"#)).to_string(), r#"{"a":{}}"#);
    }

    #[test]
    fn a_client_gets_its_revision_or_the_latest_legacy_one() {
        assert_eq!(negotiated("2025-03-26"), "2025-03-26");
        assert_eq!(negotiated("2026-07-28"), "2025-11-25");
        assert_eq!(negotiated("soon"), "2025-11-25");
    }

    #[test]
    fn a_server_without_a_name_is_called_what_its_owner_calls_it() {
        let result = as_initialized(&raw("{}".into()), "2025-11-25", "a\"b");
        assert_eq!(
            Members::parse(&result).unwrap().get("serverInfo").unwrap().get(),
            r#"{"name":"a\"b","version":"0"}"#
        );
    }
}
