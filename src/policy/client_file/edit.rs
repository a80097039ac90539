//! Edits of a client's file: sections put into it, with comments and layout around them as they were.

use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use serde_json::Value;

use super::jsonc::{DIALECT, check_dialect, without_mark};

/// A piece of the file to put into one of its members: an entry of an object, or an item of a list.
#[derive(Clone, Debug)]
pub struct Section {
    /// The member it goes into, made where it is missing.
    pub member: &'static str,
    /// Its content.
    pub entry: AddedEntry,
}

/// Content of a [`Section`].
#[derive(Clone, Debug)]
pub enum AddedEntry {
    /// Under this name, in place of what has it already.
    Named(String, Value),
    /// In place of what has the same `id`.
    Item(Value),
}

/// The text of a client's file with `sections` in it; all else stays to the byte, but for blank lines beside them. A
/// text without a value is an empty object. Fails, saying why, where it cannot be read, or something else is where a
/// section goes.
pub fn with_sections(text: &str, sections: &[Section]) -> Result<String, String> {
    let (mark, text) = without_mark(text);
    check_dialect(text)?;
    let root = CstRootNode::parse(text, &DIALECT).map_err(|error| error.to_string())?;
    let members = root.object_value_or_create().ok_or("it is no object")?;
    for Section { member, entry } in sections {
        require_once(&members, member)?;
        match entry {
            AddedEntry::Named(name, value) => {
                let entries = members.object_value_or_create(member);
                let entries = entries.ok_or_else(|| format!("`{member}` is no object"))?;
                require_once(&entries, name)?;
                put(&entries, name, value);
            }
            AddedEntry::Item(value) => {
                let items = members.array_value_or_create(member);
                replace(&items.ok_or_else(|| format!("`{member}` is no list"))?, value);
            }
        }
    }
    Ok(format!("{mark}{root}"))
}

/// Refuses a name that is there twice: readers take the last one, and an edit of either would be a guess.
fn require_once(members: &CstObject, name: &str) -> Result<(), String> {
    let named = members.properties().into_iter().filter(|one| one.decoded_name().as_deref() == Some(name));
    if named.count() > 1 { Err(format!("`{name}` is there twice")) } else { Ok(()) }
}

fn put(entries: &CstObject, name: &str, value: &Value) {
    match entries.get(name) {
        Some(entry) if entry.to_serde_value().as_ref() == Some(value) => {}
        Some(entry) => entry.set_value(input(value)),
        None => drop(entries.append(name, input(value))),
    }
}

fn replace(items: &CstArray, value: &Value) {
    let with_id = |item: &(CstNode, Value)| item.1.get("id") == value.get("id");
    let known = items.elements().into_iter().filter_map(|item| item.to_serde_value().map(|value| (item, value)));
    let mut known = known.filter(with_id);
    match known.next() {
        Some((_, present)) if present == *value => {}
        Some((item, _)) => drop(item.as_object().and_then(|item| item.replace_with(input(value)))),
        None => drop(items.append(input(value))),
    }
    known.for_each(|(item, _)| item.remove());
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(members) => {
            CstInputValue::Object(members.iter().map(|(name, value)| (name.clone(), input(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests;
