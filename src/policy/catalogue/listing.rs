//! [`EntryPage`]: entries as another source lists them. A page of a registry (MCP registry API v0.1), or a file.
//!
//! An entry that cannot be read is left out and named; the others count.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::entry::{CatalogueEntry, cut};

/// Most bytes of an entry.
pub(crate) const ENTRY_BYTES_MAX: usize = 64 << 10;

/// Most characters of an entry's name, as the registry's schema has it.
const NAME_CHARS_MAX: usize = 200;

/// Most bytes of a cursor.
const CURSOR_BYTES_MAX: usize = 4096;

/// Most characters of the reason why an entry is left out.
const REASON_CHARS_MAX: usize = 300;

/// A page of a list.
#[derive(Debug, Default)]
pub(crate) struct EntryPage {
    /// Its entries.
    pub(crate) entries: Vec<Listed>,
    /// The entries that cannot be read: their names, and why.
    pub(crate) skipped: Vec<String>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}

/// An entry of a list.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Its name.
    pub(crate) name: String,
    /// Its text, of the form `server.json`; none where the registry deleted it.
    pub(crate) text: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct RawPage<'a> {
    #[serde(borrow)]
    servers: Option<Vec<&'a RawValue>>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    next_cursor: Option<String>,
}

/// An item of a list: an entry, or one with what the registry says of it.
#[derive(Deserialize)]
struct RawItem<'a> {
    #[serde(borrow)]
    server: Option<&'a RawValue>,
    #[serde(default, rename = "_meta")]
    meta: ItemMeta,
}

#[derive(Default, Deserialize)]
struct ItemMeta {
    #[serde(rename = "io.modelcontextprotocol.registry/official")]
    official: Option<RegistryMeta>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegistryMeta {
    status: Option<String>,
    is_latest: Option<bool>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl EntryPage {
    /// Reads a page of a registry; the error is for people.
    pub(crate) fn read(body: &str) -> Result<Self, String> {
        let page: RawPage<'_> =
            serde_json::from_str(body).map_err(|error| format!("is no list of servers: {error}"))?;
        let Some(servers) = page.servers else { return Err("is no list of servers: it lacks `servers`".into()) };
        let next = page.metadata.and_then(|metadata| metadata.next_cursor).filter(|cursor| !cursor.is_empty());
        if next.as_ref().is_some_and(|cursor| cursor.len() > CURSOR_BYTES_MAX) {
            return Err("has a cursor of more than 4 KiB".into());
        }
        let mut read = Self { next, ..Self::default() };
        for (index, item) in servers.into_iter().enumerate() {
            read.take(listed(item.get(), &format!("entry {}", index + 1)));
        }
        Ok(read)
    }

    /// Reads a file: an entry, one with what a registry says of it, or an answer of a registry.
    pub(crate) fn of_file(text: &str, file: &str) -> Self {
        if let Ok(RawPage { servers: Some(_), .. }) = serde_json::from_str::<RawPage<'_>>(text) {
            let failed = |reason: String| Self { skipped: vec![reason_of(file, &reason)], ..Self::default() };
            return Self::read(text).unwrap_or_else(failed);
        }
        let mut read = Self::default();
        read.take(listed(text, file));
        read
    }

    fn take(&mut self, listed: Result<Option<Listed>, String>) {
        match listed {
            Ok(entry) => self.entries.extend(entry),
            Err(reason) => self.skipped.push(reason),
        }
    }
}

/// An item of a list, which is at `place` in it; `None` for a version that is not the latest.
fn listed(text: &str, place: &str) -> Result<Option<Listed>, String> {
    if text.len() > ENTRY_BYTES_MAX {
        return Err(reason_of(place, "has more than 64 KiB"));
    }
    let unread = |place: &str, error: serde_json::Error| reason_of(place, &format!("cannot be read: {error}"));
    let item: RawItem<'_> = serde_json::from_str(text).map_err(|error| unread(place, error))?;
    let inner = item.server.map_or(text, RawValue::get);
    let name = serde_json::from_str(inner).map_or_else(|_| place.to_owned(), |Named { name }| name);
    let official = item.meta.official.unwrap_or(RegistryMeta { status: None, is_latest: None });
    if official.is_latest == Some(false) {
        return Ok(None);
    }
    if official.status.as_deref() == Some("deleted") {
        return Ok(Some(Listed { name, text: None }));
    }
    let entry: CatalogueEntry = serde_json::from_str(inner).map_err(|error| unread(&name, error))?;
    if !is_name(&entry.name) {
        return Err(reason_of(place, &format!("has the name {:?}, which is none", cut(&entry.name, 60))));
    }
    let text = serde_json::from_str(inner).map_err(|error| unread(&name, error))?;
    Ok(Some(Listed { name, text: Some(text) }))
}

/// An entry of a source, from a text that was [listed](Listed).
pub(crate) fn listed_entry(text: &RawValue, source: &str) -> Option<CatalogueEntry> {
    serde_json::from_str::<CatalogueEntry>(text.get()).ok().map(|entry| entry.of_source(source))
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(fits)
}

fn reason_of(place: &str, reason: &str) -> String {
    cut(&format!("{place} {reason}"), REASON_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(name: &str) -> Value {
        json!({"name": name, "description": "x", "version": "1.0.0",
            "remotes": [{"type": "streamable-http", "url": "https://some.example/mcp"}]})
    }

    fn official(entry: Value, more: Value) -> Value {
        json!({"server": entry, "_meta": {"io.modelcontextprotocol.registry/official": more}})
    }

    fn read(page: &Value) -> (Vec<(String, bool)>, Vec<String>, Option<String>) {
        let EntryPage { entries, skipped, next } = EntryPage::read(&page.to_string()).unwrap();
        (entries.into_iter().map(|listed| (listed.name, listed.text.is_some())).collect(), skipped, next)
    }

    #[test]
    fn one_bad_entry_is_left_out_and_named_and_old_versions_do_not_count() {
        let mut wide = entry("a/wide");
        wide["websiteUrl"] = "x".repeat(ENTRY_BYTES_MAX).into();
        let page = json!({"servers": [
            official(entry("a/good"), json!({"status": "active", "isLatest": true})),
            official(entry("a/old"), json!({"status": "active", "isLatest": false})),
            official(entry("a/gone"), json!({"status": "deleted"})),
            {"server": {"name": "a/bad", "packages": [{"identifier": 5}]}, "_meta": {}},
            entry("a/bare"), entry("no name"), 7, wide,
        ], "metadata": {"nextCursor": "a/good:1", "count": 8}});
        let (entries, skipped, next) = read(&page);
        let expected = [("a/good", true), ("a/gone", false), ("a/bare", true)];
        assert_eq!(entries, expected.map(|(name, is_there)| (name.to_owned(), is_there)));
        let parts =
            ["a/bad cannot be read: ", "entry 6 has the name \"no name\"", "entry 7 cannot", "entry 8 has more"];
        assert_eq!(skipped.len(), parts.len(), "{skipped:?}");
        assert!(skipped.iter().zip(parts).all(|(reason, part)| reason.starts_with(part)), "{skipped:?}");
        assert_eq!(next.as_deref(), Some("a/good:1"));
        assert_eq!(read(&json!({"servers": [], "metadata": {"nextCursor": ""}})).2, None);
    }

    #[test]
    fn what_is_no_list_says_so() {
        for wrong in ["", "[]", "{}", r#"{"servers": {}}"#, r#"{"servers": null}"#, "<html>"] {
            assert!(EntryPage::read(wrong).unwrap_err().starts_with("is no list of servers"), "{wrong}");
        }
        let long = json!({"servers": [], "metadata": {"nextCursor": "x".repeat(CURSOR_BYTES_MAX + 1)}});
        assert!(EntryPage::read(&long.to_string()).is_err());
    }

    #[test]
    fn a_file_is_an_entry_or_an_answer_of_a_registry() {
        let one = entry("a/one");
        for file in [one.clone(), json!({"server": one}), json!({"servers": [{"server": one}]})] {
            assert_eq!(EntryPage::of_file(&file.to_string(), "x.json").entries[0].name, "a/one", "{file}");
        }
        let skipped = EntryPage::of_file("{", "x.json").skipped;
        assert!(skipped[0].starts_with("x.json cannot be read"), "{skipped:?}");
    }

    #[test]
    fn an_entry_of_a_source_is_called_after_it_and_brings_no_sandbox_of_its_own() {
        let mut foreign = entry("ostler/github");
        foreign["title"] = "t".repeat(500).into();
        foreign["description"] = "ä".repeat(5000).into();
        foreign["websiteUrl"] = "javascript:alert(1)".into();
        foreign["_meta"] = json!({"ostler/catalogue": {"tried": true, "sandbox": {"level": "none"}}});
        let text: Box<RawValue> = serde_json::from_str(&foreign.to_string()).unwrap();
        let read = listed_entry(&text, "team").unwrap();
        assert_eq!((read.id(), read.source_name()), ("team:ostler/github", "team"));
        assert_eq!((read.shown_name().chars().count(), read.description.chars().count()), (101, 301));
        assert_eq!((read.website_url.as_deref(), read.preset().tried), (None, false));
        assert_eq!(read.preset().sandbox.level, None);
    }
}
