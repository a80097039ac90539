//! A client's file: changed in one place, left as it is everywhere else.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use ostler::mcp::Members;
use serde_json::{Value, value::RawValue};

use super::section::{Entry, Section};
use crate::cli::failure::Failure;

/// Result of writing the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// There was none.
    New,
    /// It was changed; this is a copy of it as it was.
    Merged(PathBuf),
    /// It held all of it already.
    Same,
}

/// Puts `sections` into the file. It is replaced as a whole, so that no reader ever sees half of it.
pub(super) fn write(path: &Path, sections: &[Section]) -> Result<Written, Failure> {
    // A link stays a link.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let doing = |verb: &str| format!("{verb} {}", path.display());
    let before = match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::of(&doing("read"), &error)),
    };
    let old = before.as_deref().filter(|text| !text.trim().is_empty()).unwrap_or("{}");
    let members = serde_json::from_str(old).map_err(|error| {
        let advice =
            "it may hold comments, which would be lost; without --write, the entry is printed to be put in by hand";
        Failure::Failed(format!("{} is not plain JSON ({error}); {advice}", path.display()))
    })?;
    let text = merged(&members, sections)?;
    let Some(before) = before else {
        put(path, &text).map_err(|error| Failure::of(&doing("write"), &error))?;
        return Ok(Written::New);
    };
    if before == text {
        return Ok(Written::Same);
    }
    let copy = keep(path).map_err(|error| Failure::of(&doing("copy"), &error))?;
    put(path, &text).map_err(|error| Failure::of(&doing("write"), &error))?;
    Ok(Written::Merged(copy))
}

/// A copy beside the file, under a name that nothing had.
fn keep(path: &Path) -> io::Result<PathBuf> {
    let names = std::iter::once(".bak".to_owned()).chain((2..).map(|number| format!(".bak.{number}")));
    for suffix in names {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let copy = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy) {
            Ok(mut file) => {
                io::copy(&mut fs::File::open(path)?, &mut file)?;
                return Ok(copy);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(name);
    let permissions = fs::metadata(path).ok().map(|file| file.permissions());
    // It may hold a key.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
    if let Some(permissions) = permissions {
        fs::set_permissions(&new, permissions)?;
    }
    fs::rename(new, path)
}

/// The whole text with `sections` in it; what else there is keeps its order and its text.
pub(super) fn merged(members: &Members, sections: &[Section]) -> Result<String, Failure> {
    let mut members = members.clone();
    for Section { member, entry } in sections {
        let fault =
            |wanted: &str| Failure::Failed(format!("`{member}` in the client's file is {wanted}; mend that first"));
        let there = members.get(member);
        let text = match entry {
            Entry::Named(name, value) => {
                let there = there.map(|there| Members::parse(there)).transpose();
                let mut entries = there.map_err(|_| fault("no object"))?.unwrap_or_default();
                entries.set(name, Arc::from(raw(indented(value, "    "))));
                object(&entries, "  ")
            }
            Entry::Item(value) => {
                let there = there.map(|there| serde_json::from_str::<Vec<Box<RawValue>>>(there.get())).transpose();
                let mut items = there.map_err(|_| fault("no list"))?.unwrap_or_default();
                items.retain(|item| id(item.get()) != value.get("id").cloned());
                items.push(raw(indented(value, "    ")));
                let items: Vec<_> = items.iter().map(|item| format!("    {item}")).collect();
                format!("[\n{}\n  ]", items.join(",\n"))
            }
        };
        members.set(member, Arc::from(raw(text)));
    }
    Ok(format!("{}\n", object(&members, "")))
}

fn id(item: &str) -> Option<Value> {
    serde_json::from_str::<Value>(item).ok()?.get("id").cloned()
}

fn object(members: &Members, indent: &str) -> String {
    let lines: Vec<_> =
        members.iter().map(|(name, value)| format!("{indent}  {}: {value}", Value::from(name))).collect();
    format!("{{\n{}\n{indent}}}", lines.join(",\n"))
}

/// Pretty JSON whose lines but the first begin with `indent`.
fn indented(value: &Value, indent: &str) -> String {
    format!("{value:#}").replace('\n', &format!("\n{indent}"))
}

/// JSON text as a value that is written as it is.
fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(member: &'static str, value: Value) -> Section {
        Section { member, entry: Entry::Named("ostler".into(), value) }
    }

    #[test]
    fn what_else_there_is_keeps_its_order_and_its_text() {
        let before = r#"{"zoom": 1.50, "mcpServers": {"files": {"command":"x",  "args":[]}}, "b": [1,
 2]}"#;
        let text = merged(&serde_json::from_str(before).unwrap(), &[named("mcpServers", json!({"url": "u"}))]).unwrap();
        let expected = r#"{
  "zoom": 1.50,
  "mcpServers": {
    "files": {"command":"x",  "args":[]},
    "ostler": {
      "url": "u"
    }
  },
  "b": [1,
 2]
}
"#;
        assert_eq!(text, expected);
        // And once more: nothing moves.
        assert_eq!(
            merged(&serde_json::from_str(&text).unwrap(), &[named("mcpServers", json!({"url": "u"}))]).unwrap(),
            text
        );
    }

    #[test]
    fn an_item_of_a_list_takes_the_place_of_the_one_with_its_id() {
        let section = |text: &str| [Section { member: "inputs", entry: Entry::Item(json!({"id": "key", "is": text})) }];
        let before = serde_json::from_str(r#"{"inputs": [{"id": "other"}, {"id": "key", "is": "old"}]}"#).unwrap();
        let text = merged(&before, &section("new")).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["inputs"], json!([{"id": "other"}, {"id": "key", "is": "new"}]));
    }

    #[test]
    fn a_file_in_which_something_else_stands_there_is_left_alone() {
        let before = serde_json::from_str(r#"{"mcpServers": []}"#).unwrap();
        assert!(merged(&before, &[named("mcpServers", json!({}))]).is_err());
    }
}
