//! URIs of resources, where servers name them to clients beside their lists.

use std::sync::Arc;

use memchr::memmem;
use serde_json::value::RawValue;

use super::{
    items::{change_each, change_one},
    text,
};
use crate::mcp::Members;

/// A new URI for a resource; `None` leaves it.
type Rename<'a> = &'a mut dyn FnMut(&str) -> Option<String>;

/// Renames the resources that a result holds or links to: of `tools/call`, `prompts/get` or `resources/read`. Byte for
/// byte the same where `rename` leaves them.
#[must_use]
pub fn with_renamed_resources(result: &Arc<RawValue>, rename: Rename<'_>) -> Arc<RawValue> {
    if memmem::find(result.get().as_bytes(), b"\"uri\"").is_none() {
        return result.clone();
    }
    let Ok(mut members) = Members::parse(result) else { return result.clone() };
    let read = change_each(&mut members, "contents", |contents| rename_in(contents, "uri", rename));
    let called = change_each(&mut members, "content", |block| rename_in_block(block, rename));
    let got = change_each(&mut members, "messages", |message| {
        change_one(message, "content", |block| rename_in_block(block, rename))
            || change_each(message, "content", |block| rename_in_block(block, rename))
    });
    if read || called || got { Arc::from(members.to_raw()) } else { result.clone() }
}

/// Renames the page that a tool is shown with (MCP Apps), in both places that it is named in.
pub fn rename_page(tool: &mut Members, rename: Rename<'_>) {
    change_one(tool, "_meta", |meta| {
        let flat = rename_in(meta, "ui/resourceUri", rename);
        change_one(meta, "ui", |ui| rename_in(ui, "resourceUri", rename)) || flat
    });
}

/// The pages that a tool is shown with (MCP Apps); most have none.
#[must_use]
pub fn pages(tool: &RawValue) -> Vec<String> {
    let mut pages = Vec::new();
    // Most tools need not be parsed for that.
    if memmem::find(tool.get().as_bytes(), b"esourceUri").is_some()
        && let Ok(mut tool) = Members::parse(tool)
    {
        rename_page(&mut tool, &mut |page| {
            pages.push(page.to_owned());
            None
        });
    }
    pages
}

fn rename_in_block(block: &mut Members, rename: Rename<'_>) -> bool {
    match block.text("type").as_deref() {
        Some("resource_link") => rename_in(block, "uri", rename),
        Some("resource") => change_one(block, "resource", |resource| rename_in(resource, "uri", rename)),
        Some(_) | None => false,
    }
}

fn rename_in(object: &mut Members, name: &str, rename: Rename<'_>) -> bool {
    let renamed = object.text(name).and_then(|uri| rename(&uri));
    renamed.map(|renamed| object.set(name, text(&renamed))).is_some()
}

#[cfg(test)]
mod tests {
    use super::{super::raw, *};

    fn renamed(json: &str) -> String {
        let mut rename = |uri: &str| (uri == "a:1").then(|| "b:2".to_owned());
        with_renamed_resources(&raw(json.into()), &mut rename).get().to_owned()
    }

    #[test]
    fn resources_of_every_result_are_renamed_and_all_else_is_as_it_was() {
        for (before, after) in [
            (
                r#"{"content":[{"type":"resource_link","uri":"a:1"},{ "type":"text"}],"x":1e400}"#,
                r#"{"content":[{"type":"resource_link","uri":"b:2"},{ "type":"text"}],"x":1e400}"#,
            ),
            (
                r#"{"content":[{"type":"resource","resource":{"uri":"a:1","text":"t"}}]}"#,
                r#"{"content":[{"type":"resource","resource":{"uri":"b:2","text":"t"}}]}"#,
            ),
            (
                r#"{"messages":[{"role":"user","content":{"type":"resource_link","uri":"a:1"}},{"content":[{"type":"resource_link","uri":"a:1"}]}]}"#,
                r#"{"messages":[{"role":"user","content":{"type":"resource_link","uri":"b:2"}},{"content":[{"type":"resource_link","uri":"b:2"}]}]}"#,
            ),
            (r#"{"contents":[{"uri":"a:1"},{"uri":"c:3"}]}"#, r#"{"contents":[{"uri":"b:2"},{"uri":"c:3"}]}"#),
        ] {
            assert_eq!(renamed(before), after);
        }
        for same in [r#"{"content":[ {"type":"text","uri":"a:1"} ]}"#, r#"{ "contents":[{"uri":"c:3" }]}"#, "[]"] {
            assert_eq!(renamed(same), same);
        }
    }

    #[test]
    fn the_page_of_a_tool_is_known_in_both_places() {
        let of = |tool: &str| pages(&raw(tool.to_owned()));
        assert_eq!(of(r#"{"_meta":{"ui":{"resourceUri":"ui://a"}}}"#), ["ui://a"]);
        assert_eq!(of(r#"{"_meta":{"ui/resourceUri":"ui://a"}}"#), ["ui://a"]);
        assert!(of(r#"{"_meta":{"ui":{}},"resourceUri":"ui://a"}"#).is_empty());
        let mut tool = Members::parse(&raw(r#"{"_meta":{"ui":{"resourceUri":"ui://a","x":1}}}"#.into())).unwrap();
        rename_page(&mut tool, &mut |_| Some("ui://c".into()));
        assert_eq!(tool.to_string(), r#"{"_meta":{"ui":{"resourceUri":"ui://c","x":1}}}"#);
    }
}
