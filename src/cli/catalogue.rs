//! `ostler catalogue`: servers that can be added by name.

use awc::http::Method;
use clap::{Arg, ArgAction, ArgMatches, Command as Clap};
use serde::Deserialize;

use crate::cli::{
    failure::Failure,
    place::{self, KEY_VARIABLE},
    report::{line, print},
    running::Running,
};

/// Command line of `catalogue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CatalogueOptions {
    words: Vec<String>,
    base: String,
}

/// The command.
pub(crate) fn definition() -> Clap {
    let words = Arg::new("words").value_name("WORDS").action(ArgAction::Append);
    Clap::new("catalogue")
        .about("List servers that `ostler add` knows by name")
        .arg(words.help("Words that an entry must have, all of them"))
        .arg(place::url())
        .after_help(format!(
            "{KEY_VARIABLE} holds an API key with mcp:read. Exit codes: 0 done, 1 failed, 64 bad usage."
        ))
}

/// Reads the command line.
pub(crate) fn options(matches: &ArgMatches) -> CatalogueOptions {
    let words = matches.get_many::<String>("words").into_iter().flatten().cloned().collect();
    CatalogueOptions { words, base: place::base_of(matches) }
}

#[derive(Deserialize)]
struct Found {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
    title: String,
    description: String,
    needs: Vec<String>,
}

/// Prints the entries that have the words.
pub(crate) fn run(CatalogueOptions { words, base }: &CatalogueOptions) -> Result<(), Failure> {
    let search: String = form_urlencoded::byte_serialize(words.join(" ").as_bytes()).collect();
    let found: Found = Running::at(base)?.ask(Method::GET, &format!("/api/catalogue?search={search}"), None)?;
    if found.items.is_empty() {
        return Err(Failure::Failed(
            "the catalogue has nothing like that; `ostler add npx -y PACKAGE` takes any".into(),
        ));
    }
    let width = found.items.iter().map(|item| item.name.chars().count()).max().unwrap_or_default();
    let shown = |Item { name, title, description, needs }: &Item| {
        let needs = if needs.is_empty() { String::new() } else { format!(" (needs {})", needs.join(", ")) };
        line(&format!("{name:<width$}  {title}: {description}{needs}"))
    };
    print(&found.items.iter().map(shown).collect::<String>())
}
