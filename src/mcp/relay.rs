//! The lines of clients on their way to a server: as they were written, but for what Ostler must say in its place.

use crate::mcp::{
    Declared, Era, Line, MODERN, Members, Request,
    write::{CAPABILITIES, INFO, VERSION, client_info, json, push_json, push_on_one_line},
};

/// The first part of the `_meta` keys that the newer era gives a meaning.
const RESERVED: &str = "io.modelcontextprotocol/";

/// The other keys of `_meta` that are Ostler's to write.
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
const PROGRESS: &str = "progressToken";

/// A client's request in the server's era. Of its `params`, only what `_meta` says of the client and the progress token
/// are replaced, each in its place; the token is `id` where `progress` is wanted.
#[must_use]
pub fn client_request(id: u64, request: &Request, client: &Declared, era: Era, progress: bool) -> Line {
    let token = progress.then(|| id.to_string());
    let mut line = Vec::with_capacity(512);
    line.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    line.extend_from_slice(id.to_string().as_bytes());
    push_method(&mut line, &request.method);
    line.extend_from_slice(br#","params":"#);
    match era {
        Era::Legacy => push_params(&mut line, request, &[(PROGRESS, token.as_deref())], MetaFilter::DropReserved),
        Era::Modern => {
            let (version, level) = (json(MODERN), client.log_level.as_deref().map(json));
            let capabilities = client.passed_on();
            let entries = [
                (VERSION, Some(version.as_str())),
                (CAPABILITIES, Some(capabilities.get())),
                (INFO, Some(client.info.as_deref().map_or(client_info(), |info| info.get()))),
                (LOG_LEVEL, level.as_deref()),
                (PROGRESS, token.as_deref()),
            ];
            push_params(&mut line, request, &entries, MetaFilter::KeepAll);
        }
    }
    line.extend_from_slice(b"}\n");
    line.into()
}

/// A client's notification in the server's era: an older one hears nothing of the newer.
#[must_use]
pub fn client_notification(notification: &Request, era: Era) -> Line {
    let keep = match era {
        Era::Legacy => MetaFilter::DropReserved,
        Era::Modern => MetaFilter::KeepAll,
    };
    let mut line = br#"{"jsonrpc":"2.0""#.to_vec();
    push_method(&mut line, &notification.method);
    if !notification.params.is_empty() {
        line.extend_from_slice(br#","params":"#);
        push_params(&mut line, notification, &[], keep);
    }
    line.extend_from_slice(b"}\n");
    line.into()
}

/// Selects the members of a client's `_meta` that are sent on to a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MetaFilter {
    KeepAll,
    /// Drops those whose names the modern era reserves.
    DropReserved,
}

/// A member's name and its new value; `None` removes it.
type MetaEntry<'a> = (&'a str, Option<&'a str>);

/// Writes `params` with `entries` in their `_meta`. A `_meta` in which that changes nothing is written as it came.
fn push_params(line: &mut Vec<u8>, request: &Request, entries: &[MetaEntry<'_>], keep: MetaFilter) {
    let (params, object) = (&request.params, request.meta());
    let drops = |name: &str| keep == MetaFilter::DropReserved && name.starts_with(RESERVED);
    let is_replaced = |name: &str| entries.iter().any(|(one, _)| *one == name);
    let changes = entries.iter().any(|(_, value)| value.is_some())
        || object.into_iter().flat_map(Members::iter).any(|(name, _)| drops(name) || is_replaced(name));
    if !changes {
        return push_object(line, params, &[], |_| false);
    }
    let mut meta = Vec::with_capacity(256);
    push_object(&mut meta, object.unwrap_or(&Members::default()), entries, drops);
    let meta = std::str::from_utf8(&meta).ok().filter(|meta| *meta != "{}");
    push_object(line, params, &[("_meta", meta)], |_| false);
}

/// Writes an object on one line, each member of `entries` in its place, or at the end where it was not there.
fn push_object(line: &mut Vec<u8>, members: &Members, entries: &[MetaEntry<'_>], drops: impl Fn(&str) -> bool) {
    let remaining = members.iter().filter(|(name, _)| !drops(name)).filter_map(|(name, value)| {
        let replaced = entries.iter().find(|(one, _)| *one == name);
        Some((name, replaced.map_or(Some(value.get()), |(_, value)| *value)?))
    });
    let added = entries.iter().filter(|(name, _)| members.get(name).is_none());
    let added = added.filter_map(|(name, value)| Some((*name, (*value)?)));
    line.push(b'{');
    for (index, (name, value)) in remaining.chain(added).enumerate() {
        if index > 0 {
            line.push(b',');
        }
        push_name(line, name, entries);
        push_on_one_line(line, value.as_bytes());
    }
    line.push(b'}');
}

/// Writes a member's name; those of `entries` are constants, and have nothing to escape.
fn push_name(line: &mut Vec<u8>, name: &str, entries: &[MetaEntry<'_>]) {
    if entries.iter().any(|(entry_name, _)| *entry_name == name) {
        line.push(b'"');
        line.extend_from_slice(name.as_bytes());
        line.push(b'"');
    } else {
        push_json(line, name);
    }
    line.push(b':');
}

fn push_method(line: &mut Vec<u8>, method: &str) {
    line.extend_from_slice(br#","method":"#);
    push_json(line, method);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::value::RawValue;

    use super::*;

    fn boxed(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.into()).unwrap()
    }

    fn client(log_level: Option<&str>) -> Declared {
        let capabilities = Arc::from(boxed(r#"{"roots":{ }}"#));
        Declared { capabilities, info: None, log_level: log_level.map(str::to_owned) }
    }

    fn params_of(params: &str, era: Era, progress: bool) -> String {
        let request = Request::new("x/y", Some(&boxed(params))).unwrap();
        let line = client_request(7, &request, &client(Some("info")), era, progress);
        let text = String::from_utf8(line.to_vec()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let params = text.strip_prefix(r#"{"jsonrpc":"2.0","id":7,"method":"x/y","params":"#).unwrap();
        params.strip_suffix("}\n").unwrap().to_owned()
    }

    #[test]
    fn a_legacy_server_gets_no_modern_metadata() {
        let params = r#"{"z":1e400,"_meta":{"b": [1,\n2],"io.modelcontextprotocol/logLevel":"info","progressToken":"t","a":{}},"y":2}"#
            .replace("\\n", "\n");
        let expected = r#"{"z":1e400,"_meta":{"b":[1, 2],"progressToken":7,"a":{}},"y":2}"#;
        assert_eq!(params_of(&params, Era::Legacy, true), expected);
        let without_token = r#"{"z":1e400,"_meta":{"b":[1, 2],"a":{}},"y":2}"#;
        assert_eq!(params_of(&params, Era::Legacy, false), without_token);
        for same in ["{}", r#"{"_meta":{ "b" : 1 }}"#, r#"{"_meta":{}}"#, r#"{"_meta":7}"#] {
            assert_eq!(params_of(same, Era::Legacy, false), same);
        }
        assert_eq!(params_of(r#"{"_meta":{"progressToken":1},"a":1}"#, Era::Legacy, false), r#"{"a":1}"#);
    }

    #[test]
    fn a_modern_server_gets_the_client_in_its_place() {
        let line = params_of(
            r#"{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"tasks":{}},"v/x":1},"y":2}"#,
            Era::Modern,
            true,
        );
        let start = r#"{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"roots":{ }},"v/x":1,"io.modelcontextprotocol/protocolVersion":"2026-07-28","#;
        let end = r#""io.modelcontextprotocol/logLevel":"info","progressToken":7},"y":2}"#;
        assert!(line.starts_with(start) && line.ends_with(end), "{line}");
        assert!(params_of(r#"{"y":2}"#, Era::Modern, false).starts_with(r#"{"y":2,"_meta":{"io.modelcontext"#));
    }

    #[test]
    fn a_notification_is_passed_on_as_it_came_but_for_the_newer_eras_part() {
        let expected = |params: &str, era| {
            let notification = Request::new("n/x", Some(&boxed(params))).unwrap();
            String::from_utf8(client_notification(&notification, era).to_vec()).unwrap()
        };
        let params = r#"{"a":1e400,"_meta":{"io.modelcontextprotocol/x":1}}"#;
        assert_eq!(
            expected(params, Era::Legacy),
            "{\"jsonrpc\":\"2.0\",\"method\":\"n/x\",\"params\":{\"a\":1e400}}\n"
        );
        assert!(expected(params, Era::Modern).contains(params));
        assert_eq!(expected("{}", Era::Modern), "{\"jsonrpc\":\"2.0\",\"method\":\"n/x\"}\n");
    }
}
