//! Pins: the definitions of a server's tools that were accepted, and what differs from them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    error::below,
    model::{ToolChange, ToolDifference},
    policy::{canonical_json, hex, nesting, payload, tool_flags},
};

/// Members of a tool that are pinned: those that models and clients decide by. Others, such as `_meta` and `icons`, may
/// change with each list.
const PINNED_MEMBERS: [&str; 6] = ["annotations", "description", "inputSchema", "name", "outputSchema", "title"];

/// Differences of one tool that are listed; of more, the whole definitions are shown.
const DIFFERENCES_MAX: usize = 32;

/// Bytes of a tool's name, and of the places of its differences, in a message.
const NAME_BYTES_MAX: usize = 100;
const PLACES_BYTES_MAX: usize = 300;

/// The definition of a tool: its pinned members as canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Name of the tool; empty where it has none.
    pub name: String,
    text: String,
}

/// The accepted definitions of a server's tools, by name. Those of tools that are gone stay: a tool may come back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pins(BTreeMap<String, Pin>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pin {
    hash: String,
    /// `None` where it is too long to be kept.
    definition: Option<String>,
    /// The hash before, which is accepted as well until the server has moved to another version.
    #[serde(skip)]
    former: Option<String>,
}

impl Pin {
    fn holds(&self, hash: &str) -> bool {
        self.hash == hash || self.former.as_deref() == Some(hash)
    }
}

/// SHA-256 of the definition of each listed tool, by name.
pub type DefinitionHashes = HashMap<String, String>;

impl Definition {
    /// The definition of a tool as its server lists it.
    #[must_use]
    pub fn of(tool: &RawValue) -> Self {
        // What is nested too deep is never shown, and would be read recursively.
        let is_readable = !nesting::exceeds(tool.get(), nesting::LISTED_MAX);
        let members = is_readable.then(|| canonical_json::members(tool.get())).flatten();
        let Some(mut members) = members else {
            let text = serde_json::to_string(tool.get()).unwrap_or_default();
            return Self { name: String::new(), text };
        };
        // Many programs write `null` for what they leave out.
        members.retain(|(name, value)| PINNED_MEMBERS.contains(&name.trim_matches('"')) && value != "null");
        let name = members.iter().find(|(name, _)| name == "\"name\"");
        let name = name.and_then(|(_, value)| serde_json::from_str(value).ok()).unwrap_or_default();
        Self { name, text: canonical_json::from_members(&members) }
    }

    /// Warnings about its texts.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        tool_flags::of_tool(&self.name, &self.text)
    }

    /// True where the tool changes nothing, by its own word (`annotations.readOnlyHint`).
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        #[derive(Deserialize)]
        struct Tool {
            annotations: Annotations,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Annotations {
            read_only_hint: bool,
        }
        serde_json::from_str(&self.text).is_ok_and(|tool: Tool| tool.annotations.read_only_hint)
    }

    /// SHA-256 of the definition, in hex.
    #[must_use]
    pub fn hash(&self) -> String {
        hex::encode(digest(&SHA256, self.text.as_bytes()).as_ref())
    }
}

/// Definitions of these tools; of several with one name the first, as of what clients see.
pub fn definitions<'a>(tools: impl IntoIterator<Item = &'a Arc<RawValue>>) -> BTreeMap<String, Definition> {
    let mut found = BTreeMap::new();
    for definition in tools.into_iter().map(|tool| Definition::of(tool)) {
        found.entry(definition.name.clone()).or_insert(definition);
    }
    found
}

/// Hashes of the definitions of these tools.
pub fn hashes<'a>(tools: impl IntoIterator<Item = &'a Arc<RawValue>>) -> DefinitionHashes {
    definitions(tools).into_iter().map(|(name, definition)| (name, definition.hash())).collect()
}

impl Pins {
    /// These tools, as they are.
    pub fn of<'a>(tools: impl IntoIterator<Item = &'a Arc<RawValue>>) -> Self {
        let mut pins = Self::default();
        definitions(tools).values().for_each(|definition| pins.accept(definition));
        pins
    }

    /// True where no tool was ever accepted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Accepts a definition in place of the one before.
    pub fn accept(&mut self, definition: &Definition) {
        let pin = Pin { hash: definition.hash(), definition: Some(definition.text.clone()), former: None };
        self.0.insert(definition.name.clone(), pin);
    }

    /// These pins with those of another version in their place, beside which those of now are accepted still: calls go
    /// on while a server moves from one version to the other.
    #[must_use]
    pub fn moving_to(&self, other: &Self) -> Self {
        let mut pins = self.clone();
        for (name, pin) in &other.0 {
            let before = self.0.get(name);
            if before.is_none_or(|before| before.hash != pin.hash) {
                let former = before.map(|before| before.hash.clone());
                pins.0.insert(name.clone(), Pin { former, ..pin.clone() });
            }
        }
        pins
    }

    /// These pins once a server has moved.
    #[must_use]
    pub fn moved(&self) -> Self {
        Self(self.0.iter().map(|(name, pin)| (name.clone(), Pin { former: None, ..pin.clone() })).collect())
    }

    /// The pins as far as they are kept where definitions are too long: their hashes.
    #[must_use]
    pub fn without_definitions(&self) -> Self {
        let bare = |pin: &Pin| Pin { definition: None, ..pin.clone() };
        Self(self.0.iter().map(|(name, pin)| (name.clone(), bare(pin))).collect())
    }

    /// True where the tool of this name was accepted as it is listed.
    #[must_use]
    pub fn hold(&self, tool: &RawValue) -> bool {
        let definition = Definition::of(tool);
        self.0.get(&definition.name).is_some_and(|pin| pin.holds(&definition.hash()))
    }

    /// The reason why a tool may not be called, with the fix; `None` where it may, as one that is not listed.
    #[must_use]
    pub fn refusal(&self, tool: &str, listed: &DefinitionHashes) -> Option<String> {
        let hash = listed.get(tool)?;
        let state = match self.0.get(tool) {
            Some(pin) if pin.holds(hash) => return None,
            Some(_) => "is not as it was accepted",
            None => "is new since the server was accepted",
        };
        let name = shown_name(tool);
        Some(format!(
            "the tool {name} {state}, and waits for a user with mcp:write on the server to accept it, on its page or with \
             POST /api/mcp/ID/tools/accept; a server that changes its tools by plan is given tools.changes \"follow\""
        ))
    }

    /// The change that a definition is; `None` where it is accepted.
    #[must_use]
    pub fn change(&self, definition: &Definition) -> Option<ToolChange> {
        let (hash, pin) = (definition.hash(), self.0.get(&definition.name));
        if pin.is_some_and(|pin| pin.holds(&hash)) {
            return None;
        }
        let before = pin.and_then(|pin| pin.definition.as_deref());
        Some(ToolChange {
            name: definition.name.clone(),
            hash,
            accepted_hash: pin.map(|pin| pin.hash.clone()),
            differences: differences(before, &definition.text),
            warnings: definition.flags(),
        })
    }
}

/// The change in words, for the audit log.
#[must_use]
pub fn described(change: &ToolChange) -> String {
    let (name, hash) = (shown_name(&change.name), &change.hash);
    let Some(accepted) = &change.accepted_hash else { return format!("the tool {name} is new: {hash}") };
    let pointers: Vec<_> = change.differences.iter().map(|one| one.pointer.as_str()).collect();
    let places = payload::shortened(&pointers.join(", "), PLACES_BYTES_MAX);
    let places = if places.is_empty() { places } else { format!(" in {places}") };
    format!("the tool {name} changed{places}: {accepted} → {hash}")
}

fn shown_name(name: &str) -> String {
    payload::shortened(&tool_flags::visible(name), NAME_BYTES_MAX)
}

/// Differences between two definitions, the smallest parts that differ.
fn differences(before: Option<&str>, after: &str) -> Vec<ToolDifference> {
    let mut found = Vec::new();
    if let Some(before) = before {
        compare("", before, after, &mut found);
    }
    // A member that is named twice is no difference of one member.
    if found.is_empty() || found.len() > DIFFERENCES_MAX || found.iter().any(|one| one.pointer.is_empty()) {
        return vec![ToolDifference { pointer: String::new(), before: before.and_then(raw), after: raw(after) }];
    }
    found
}

fn compare(pointer: &str, before: &str, after: &str, found: &mut Vec<ToolDifference>) {
    if before == after || found.len() > DIFFERENCES_MAX {
        return;
    }
    let (Some(old), Some(new)) = (members(before), members(after)) else {
        let (before, after) = (raw(before), raw(after));
        return found.push(ToolDifference { pointer: pointer.to_owned(), before, after });
    };
    for (name, before) in &old {
        let pointer = below(pointer, name);
        match new.get(name) {
            Some(after) => compare(&pointer, before, after, found),
            None => found.push(ToolDifference { pointer, before: raw(before), after: None }),
        }
    }
    for (name, after) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        found.push(ToolDifference { pointer: below(pointer, name), before: None, after: raw(after) });
    }
}

/// Members of an object that names none twice.
fn members(object: &str) -> Option<BTreeMap<String, String>> {
    let listed = canonical_json::members(object)?;
    let count = listed.len();
    let named = listed.into_iter().filter_map(|(name, value)| Some((serde_json::from_str(&name).ok()?, value)));
    Some(named.collect::<BTreeMap<_, _>>()).filter(|found| found.len() == count)
}

fn raw(json: &str) -> Option<Arc<RawValue>> {
    RawValue::from_string(json.to_owned()).ok().map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(json: &str) -> Arc<RawValue> {
        raw(json).unwrap()
    }

    fn change(before: &str, after: &str) -> Option<Vec<(String, String, String)>> {
        let pins = Pins::of([&tool(before)]);
        let change = pins.change(&Definition::of(&tool(after)))?;
        let text = |value: Option<Arc<RawValue>>| value.map(|value| value.get().to_owned()).unwrap_or_default();
        Some(change.differences.into_iter().map(|one| (one.pointer, text(one.before), text(one.after))).collect())
    }

    const ECHO: &str =
        r#"{"name":"echo","description":"old","inputSchema":{"type":"object","properties":{"a":{"type":"string"}}}}"#;

    #[test]
    fn a_tool_that_is_written_otherwise_is_no_change() {
        let same = r#"{ "inputSchema":{"properties":{"a":{"type":"string"}},"type":"object"},"title":null,
            "name":"e\u0063ho","description":"old","_meta":{"n":7},"icons":[] }"#;
        assert!(change(ECHO, same).is_none());
    }

    #[test]
    fn a_change_names_the_smallest_parts_that_differ() {
        let after = ECHO.replace("old", "new").replace(r#""string"}"#, r#""string","x/y":1}"#);
        let expected = [("/description", "\"old\"", "\"new\""), ("/inputSchema/properties/a/x~1y", "", "1")];
        let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(change(ECHO, &after).unwrap(), expected);
        let (without, expected) = (r#"{"name":"echo"}"#, ["/description", "/inputSchema"]);
        assert_eq!(change(ECHO, without).unwrap().into_iter().map(|one| one.0).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_change_that_no_reader_agrees_on_shows_the_whole() {
        let twice = r#"{"name":"echo","description":"old","description":"new"}"#;
        let found = change(r#"{"name":"echo","description":"old"}"#, twice).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].0.is_empty() && found[0].2.contains("new"));
        let many: Vec<_> = (0..40).map(|n| format!(r#""p{n}":{n}"#)).collect();
        let many = format!(r#"{{"name":"echo","inputSchema":{{{}}}}}"#, many.join(","));
        let found = change(&many, &many.replace(r#""p"#, r#""q"#)).unwrap();
        assert_eq!(found.len(), 1, "of too many differences the whole is shown");
    }

    #[test]
    fn a_new_tool_is_a_change_and_one_that_comes_back_is_none() {
        let (echo, other) = (tool(ECHO), tool(r#"{"name":"other"}"#));
        let mut pins = Pins::of([&echo]);
        let new = Definition::of(&other);
        let change = pins.change(&new).unwrap();
        assert!(change.is_new() && change.differences[0].before.is_none());
        assert!(!pins.hold(&other) && pins.hold(&echo));
        pins.accept(&new);
        assert!(pins.hold(&other) && pins.change(&new).is_none() && pins.hold(&echo));
    }

    #[test]
    fn only_what_was_accepted_is_called_and_the_refusal_names_the_fix() {
        let pins = Pins::of([&tool(ECHO)]);
        let listed = |json: &str| hashes([&tool(json)]);
        assert_eq!(pins.refusal("echo", &listed(ECHO)), None);
        assert_eq!(pins.refusal("hidden", &listed(ECHO)), None, "the server says that it has no such tool");
        let refusal = pins.refusal("echo", &listed(&ECHO.replace("old", "new"))).unwrap();
        assert!(refusal.contains("is not as it was accepted") && refusal.contains("/tools/accept"), "{refusal}");
        let refusal = pins.refusal("b", &listed(r#"{"name":"b"}"#)).unwrap();
        assert!(refusal.contains("is new") && refusal.contains("\"follow\""), "{refusal}");
    }

    #[test]
    fn of_tools_with_one_name_the_first_is_pinned() {
        let second = ECHO.replace("old", "new");
        let pins = Pins::of([&tool(ECHO), &tool(&second)]);
        assert!(pins.hold(&tool(ECHO)) && !pins.hold(&tool(&second)));
    }

    #[test]
    fn both_versions_of_a_tool_are_accepted_until_its_server_has_moved() {
        let (old, new) = (tool(ECHO), tool(&ECHO.replace("old", "new")));
        let (before, after) = (Pins::of([&old, &tool(r#"{"name":"gone"}"#)]), Pins::of([&new]));
        let moving = before.moving_to(&after);
        assert!(moving.hold(&old) && moving.hold(&new) && moving.hold(&tool(r#"{"name":"gone"}"#)));
        assert!(moving.change(&Definition::of(&old)).is_none());
        assert_eq!(moving.refusal("echo", &hashes([&old])), None);
        let moved = moving.moved();
        assert!(!moved.hold(&old) && moved.hold(&new) && moved.hold(&tool(r#"{"name":"gone"}"#)));
        assert_eq!(moved.moving_to(&before).moved(), before);
    }

    #[test]
    fn pins_without_definitions_hold_the_same() {
        let pins = Pins::of([&tool(ECHO)]).without_definitions();
        let read: Pins = serde_json::from_str(&serde_json::to_string(&pins).unwrap()).unwrap();
        assert!(read.hold(&tool(ECHO)));
        let change = read.change(&Definition::of(&tool(r#"{"name":"echo"}"#))).unwrap();
        assert!(!change.is_new() && change.differences[0].before.is_none());
    }
}
