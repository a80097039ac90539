//! `ostler import` and `ostler export`: servers from and to the configurations of MCP clients, by a running Ostler.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use awc::http::Method;
use clap::{Arg, ArgAction, ArgMatches, Command as Clap, builder::PossibleValuesParser, value_parser};
use ostler::policy::client_file;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{
    failure::Failure,
    place::{self, KEY_VARIABLE},
    report::{line, print},
    running::Running,
    standard_error::complain,
};

const FORMATS: [&str; 4] = ["claude", "cursor", "vscode", "ostler"];

/// Command line of `import`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    file: PathBuf,
    base: String,
    dry_run: bool,
}

/// Command line of `export`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    format: String,
    base: String,
}

/// The command `import`.
pub(crate) fn import_definition() -> Clap {
    let file = Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf));
    let dry_run = Arg::new("dry-run").long("dry-run").action(ArgAction::SetTrue);
    Clap::new("import")
        .about("Import the servers of a Claude, Cursor or VS Code configuration, or of a registry's server.json")
        .arg(file.help("The configuration file; comments and trailing commas are allowed"))
        .arg(place::url())
        .arg(dry_run.help("Show the changes without making them"))
        .after_help(format!(
            "{KEY_VARIABLE} holds an API key with mcp:write. Variables that the file names (${{NAME}}, \
             ${{NAME:-default}}, ${{env:NAME}}) are taken from the environment; no others are sent. \
             Exit codes: 0 all taken over, 1 failed or some refused, 64 bad usage."
        ))
}

/// The command `export`.
pub(crate) fn export_definition() -> Clap {
    let format =
        Arg::new("format").long("format").default_value("claude").value_parser(PossibleValuesParser::new(FORMATS));
    Clap::new("export")
        .about("Print your servers as the configuration of an MCP client, with variables in place of secrets")
        .arg(format.help("Client that reads the configuration; ostler: every field but secrets"))
        .arg(place::url())
        .after_help(format!(
            "{KEY_VARIABLE} holds an API key with mcp:read. Exit codes: 0 done, 1 failed, 64 bad usage."
        ))
}

/// Reads the command line of `import`.
pub(crate) fn import_options(matches: &ArgMatches) -> Import {
    Import {
        file: matches.get_one::<PathBuf>("file").cloned().unwrap_or_default(),
        base: place::base_of(matches),
        dry_run: matches.get_flag("dry-run"),
    }
}

/// Reads the command line of `export`.
pub(crate) fn export_options(matches: &ArgMatches) -> Export {
    let format = matches.get_one::<String>("format").cloned().unwrap_or_default();
    Export { format, base: place::base_of(matches) }
}

/// Result of an import, as far as it is printed.
#[derive(Deserialize)]
struct ImportOutcome {
    servers: Vec<ImportedServer>,
}

#[derive(Deserialize)]
struct ImportedServer {
    name: String,
    action: String,
    problem: Option<String>,
    #[serde(default)]
    ignored: Vec<String>,
    #[serde(default)]
    notes: Vec<String>,
}

/// Has Ostler take over a file.
pub(crate) fn import(options: &Import) -> Result<(), Failure> {
    let Import { file, base, dry_run } = options;
    let running = Running::at(base)?;
    let text = read(file)?;
    let variables: BTreeMap<String, String> = client_file::named(&text)
        .into_iter()
        .filter_map(|name| std::env::var(&name).ok().map(|value| (name, value)))
        .collect();
    let body = json!({"config": text, "variables": variables, "dryRun": dry_run});
    let outcome: ImportOutcome = running.ask(Method::POST, "/api/mcp/import", Some(&body))?;
    let mut report = String::new();
    for ImportedServer { name, action, problem, ignored, notes } in &outcome.servers {
        let problem = problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
        let ignored = if ignored.is_empty() { String::new() } else { format!(" (left out: {})", ignored.join(", ")) };
        report.push_str(&line(&format!("{action:<6}  {name}{problem}{ignored}")));
        notes.iter().for_each(|note| report.push_str(&line(&format!("        note: {note}"))));
    }
    print(&report)?;
    if outcome.servers.is_empty() {
        complain(&format!("ostler: {} names no servers\n", file.display()));
    }
    if *dry_run {
        complain("ostler: nothing was changed; without --dry-run, it is done\n");
    }
    let refused = outcome.servers.iter().filter(|line| line.action == "refuse").count();
    if refused == 0 {
        return Ok(());
    }
    Err(Failure::Failed(format!("{refused} of {} servers cannot be taken over; see above why", outcome.servers.len())))
}

/// Prints the caller's servers.
pub(crate) fn export(Export { format, base }: &Export) -> Result<(), Failure> {
    let value: Value = Running::at(base)?.ask(Method::GET, &format!("/api/mcp/export?format={format}"), None)?;
    print(&format!("{value:#}\n"))
}

/// The text of a file.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::of(&format!("read {}", file.display()), &error))
}
