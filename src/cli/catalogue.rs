//! `ostler catalogue`: servers that can be added by name.

use awc::http::Method;
use clap::{Arg, ArgAction, ArgMatches, Command as Clap};
use serde::Deserialize;

use crate::cli::{
    failure::Failure,
    place::{self, KEY_VARIABLE},
    report::{line, needs, print},
    running::Running,
    standard_error::complain,
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
#[serde(rename_all = "camelCase")]
struct Found {
    items: Vec<Item>,
    next_cursor: Option<String>,
    sources: Vec<Source>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
    title: String,
    description: String,
    needs: Vec<String>,
    refusal: Option<String>,
}

/// A further source.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    name: String,
    checked_at: Option<String>,
    problem: Option<String>,
    skipped: Vec<String>,
    is_cut: bool,
}

impl Source {
    /// Faults that it has, and limits that it reached.
    fn notes(&self) -> Vec<String> {
        let Self { name, checked_at, problem, skipped, is_cut } = self;
        let since = checked_at.as_ref().map_or("never read".to_owned(), |at| format!("as of {at}"));
        let problem = problem.iter().map(|why| format!("{name}: cannot be read, {since}: {why}"));
        let cut = is_cut.then(|| format!("{name}: has more entries than are taken"));
        let skipped = skipped.iter().map(|why| format!("{name}: left out: {why}"));
        problem.chain(cut).chain(skipped).collect()
    }
}

/// Prints the entries that have the words.
pub(crate) fn run(CatalogueOptions { words, base }: &CatalogueOptions) -> Result<(), Failure> {
    let search: String = form_urlencoded::byte_serialize(words.join(" ").as_bytes()).collect();
    let found: Found = Running::at(base)?.ask(Method::GET, &format!("/api/catalogue?search={search}"), None)?;
    if found.items.is_empty() {
        found.sources.iter().flat_map(Source::notes).for_each(|note| complain(&line(&note)));
        return Err(Failure::Failed(
            "the catalogue has nothing like that; `ostler add npx -y PACKAGE` takes any".into(),
        ));
    }
    let width = found.items.iter().map(|item| item.name.chars().count()).max().unwrap_or_default();
    let shown = |Item { name, title, description, needs: answers, refusal }: &Item| {
        let refusal = refusal.as_ref().map(|why| format!(" [cannot be run: it {why}]")).unwrap_or_default();
        line(&format!("{name:<width$}  {title}: {description}{}{refusal}", needs(answers)))
    };
    print(&found.items.iter().map(shown).collect::<String>())?;
    let more = found.next_cursor.map(|_| "there are more: name words that they have".to_owned());
    let notes = found.sources.iter().flat_map(Source::notes).chain(more);
    notes.for_each(|note| complain(&line(&note)));
    Ok(())
}
