//! The catalogue: servers that can be added by name, and the rules by which an entry and its user's answers become a
//! server.
//!
//! Entries have the shape of the MCP registry's `server.json` (schema of 2025-12-11), and a little of Ostler's own in
//! `_meta`. An input with a `value` is fixed, but for the `{name}` of its `variables`; any other is a question, whose
//! answer is what the user gives, else its `default`. Secrets never reach a command line, which all users of the
//! machine can read: they go into `env` or a header.

mod answers;
mod command;
mod entry;
mod fields;
mod listing;
mod search;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use crate::{
    error::{Error, Result},
    model::{Sandbox, SandboxPaths, ServerChange},
    policy::reference,
};

use command::Line;

pub(crate) use answers::Given;
pub(crate) use entry::{CatalogueEntry, InputFormat};
pub(crate) use fields::{CatalogueField, fields};
pub(crate) use listing::{ENTRY_BYTES_MAX, EntryPage, listed_entry};
pub(crate) use search::found;

pub(super) use answers::{Answers, fault};
pub(super) use entry::Input;
pub(super) use fields::field;

/// Most characters of the beginning of a secret's name, which is that of its server.
const PREFIX_CHARS_MAX: usize = 24;

/// Most characters of the rest of it, which is the name of its question.
const KEY_CHARS_MAX: usize = 34;

/// The entries that are built in.
pub(crate) fn built_in() -> &'static [Arc<CatalogueEntry>] {
    static ENTRIES: OnceLock<Vec<Arc<CatalogueEntry>>> = OnceLock::new();
    ENTRIES.get_or_init(|| serde_json::from_str(include_str!("catalogue/servers.json")).unwrap_or_default())
}

/// The server that an entry and the answers to its questions make; `Invalid` with a pointer to each answer that is
/// missing or does not fit.
pub(crate) fn server(entry: &CatalogueEntry, given: Given<'_>) -> Result<ServerChange> {
    let choice = entry.choice().map_err(|reason| Error::invalid("", reason))?;
    let mut answers = Answers::new(given);
    let common = ServerChange {
        name: Some(entry.shown_name().to_owned()),
        description: Some(Some(entry.description.clone()).filter(|text| !text.is_empty())),
        ..ServerChange::default()
    };
    let change = match choice {
        entry::Choice::Package(package) => {
            let preset = &entry.meta.preset;
            let Line { command, args, env } = command::line(package, preset.program.as_deref(), &mut answers);
            let sandbox = contained(&preset.sandbox, &preset.inputs, &mut answers);
            ServerChange { command: Some(command), args: Some(args), env: Some(env), sandbox: Some(sandbox), ..common }
        }
        entry::Choice::Remote(remote) => {
            let url = answers.template(&remote.url, &remote.variables, false);
            let header = |input| Some((entry::name(input)?, answers.value(&entry::key(input, 0), input)?.text));
            let headers: BTreeMap<_, _> = remote.headers.iter().filter_map(header).collect();
            let url = url.map(|url| answers.open(url)).unwrap_or_default();
            ServerChange { url: Some(url), headers: Some(headers), ..common }
        }
    };
    answers.into_result()?;
    Ok(change)
}

/// The sandbox of an entry, with answers in the place of `{name}` in its paths.
fn contained(preset: &Sandbox, inputs: &BTreeMap<String, entry::Input>, answers: &mut Answers<'_>) -> Sandbox {
    let mut filled = |paths: &[String]| -> Vec<String> {
        let path = |path: &String| answers.template(path, inputs, false).map(|found| found.text);
        paths.iter().filter_map(path).collect()
    };
    let paths = SandboxPaths { read: filled(&preset.paths.read), write: filled(&preset.paths.write) };
    Sandbox { paths, ..preset.clone() }
}

/// A name for the secret that answers the question `key` of a server; `is_taken` says which there are already.
pub(crate) fn secret_name(server: &str, key: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let fits = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let fitting = |text: &str, most: usize| -> String {
        text.chars().take(most).map(|character| if fits(character) { character } else { '_' }).collect()
    };
    let name = format!("{}.{}", fitting(server, PREFIX_CHARS_MAX), fitting(key, KEY_CHARS_MAX));
    let name = if reference::is_name(&name) { name } else { format!("_{name}") };
    let mut names = std::iter::once(name.clone()).chain((2..).map(|number: u32| format!("{name}-{number}")));
    names.find(|name| !is_taken(name)).unwrap_or(name)
}

#[cfg(test)]
mod tests;
