//! Entries of the MCP registry (`server.json`), as an import takes them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{described::Described, jsonc};
use crate::policy::catalogue::{self, CatalogueEntry, Given};

/// The servers of a text that is a registry's entry, alone, in an answer of its API (`server`), or in a list of these
/// (`servers`); `None` for any other. Answers to their questions are looked for in `variables`.
pub(super) fn read(text: &str, variables: &BTreeMap<String, String>) -> Option<Vec<Described>> {
    let described = |value| match serde_json::from_value::<CatalogueEntry>(value) {
        Err(error) => Described::refused("server.json".into(), &format!("cannot be read: {error}")),
        Ok(entry) => {
            // A secret stays in the server itself, as in the configuration of a client.
            let mut keep = |_: &str, value: &str| value.to_owned();
            let given = Given { values: variables, pointer: "", keep: &mut keep };
            // Its title may be that of others, too.
            let change = catalogue::server(&entry.foreign(), given);
            let change = change.map(|change| crate::model::ServerChange { name: Some(entry.name.clone()), ..change });
            let change = change.map_err(|error| error.to_string());
            Described { name: entry.name, change, ignored: Vec::new(), notes: Vec::new() }
        }
    };
    Some(entries(text)?.into_iter().map(described).collect())
}

/// The names of the questions of a registry's entries.
pub(super) fn named(text: &str) -> BTreeSet<String> {
    let entries = entries(text).into_iter().flatten();
    let entries = entries.filter_map(|value| serde_json::from_value::<CatalogueEntry>(value).ok());
    entries.flat_map(|entry| catalogue::fields(&entry)).map(|field| field.name).collect()
}

fn entries(text: &str) -> Option<Vec<Value>> {
    let value = jsonc::plain(jsonc::parse(text).ok()?)?;
    let entry = |value: Value| value.get("server").filter(|inner| inner.is_object()).cloned().unwrap_or(value);
    if let Some(list) = value.get("servers").and_then(Value::as_array).filter(|list| !list.is_empty()) {
        return Some(list.iter().cloned().map(entry).collect());
    }
    let is_entry = |value: &Value| {
        value.get("name").is_some_and(Value::is_string)
            && ["packages", "remotes"].iter().any(|member| value.get(member).is_some_and(Value::is_array))
    };
    let value = entry(value);
    is_entry(&value).then(|| vec![value])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"{
        "$schema": "https://schemas.example/2025-12-11/server.schema.json",
        "name": "io.github.some/server", "description": "x", "version": "1.0.0", // as its author has it
        "packages": [{"registryType": "npm", "identifier": "@some/server", "version": "1.0.0",
            "transport": {"type": "stdio"},
            "environmentVariables": [{"name": "TOKEN", "isRequired": true, "isSecret": true}]}],
        "_meta": {"ostler/catalogue": {"sandbox": {"level": "none"}}},
    }"#;

    #[test]
    fn an_entry_is_taken_over_with_answers_from_variables_and_without_a_sandbox_of_its_own() {
        assert_eq!(named(ENTRY).into_iter().collect::<Vec<_>>(), ["TOKEN"]);
        let variables = BTreeMap::from([("TOKEN".to_owned(), "t".to_owned())]);
        for text in [ENTRY.to_owned(), format!(r#"{{"servers": [{{"server": {ENTRY}, "_meta": {{}}}}]}}"#)] {
            let described = read(&text, &variables).unwrap().remove(0);
            let change = described.change.unwrap();
            assert_eq!(
                (described.name.as_str(), change.name.as_deref()),
                ("io.github.some/server", Some("io.github.some/server"))
            );
            assert_eq!(change.args.unwrap(), ["-y", "@some/server@1.0.0"]);
            assert_eq!((change.env.unwrap()["TOKEN"].as_str(), change.sandbox.unwrap().level), ("t", None));
        }
        let missing = read(ENTRY, &BTreeMap::new()).unwrap().remove(0).change.unwrap_err();
        assert!(missing.contains("TOKEN: is missing"), "{missing}");
    }

    #[test]
    fn a_configuration_of_a_client_is_none() {
        for text in [
            "{}",
            r#"{"mcpServers": {}}"#,
            r#"{"servers": {}}"#,
            r#"{"servers": []}"#,
            r#"{"name": "a", "packages": {}}"#,
            "[1",
        ] {
            assert!(read(text, &BTreeMap::new()).is_none() && named(text).is_empty(), "{text}");
        }
    }
}
