//! `ostler import` and `ostler export`: servers from and to the configurations of MCP clients, by a running Ostler.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use awc::http::{StatusCode, header};
use clap::{Arg, ArgAction, ArgMatches, Command as Clap, builder::PossibleValuesParser, value_parser};
use ostler::{outbound, policy::client_file};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{
    failure::Failure,
    logging,
    place::{self, KEY_VARIABLE},
    standard_error::complain,
};

/// Time for Ostler to answer: it registers one server after the other.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);

/// The longest answer that is read, in bytes.
const RESPONSE_BYTES_MAX: usize = 32 << 20;

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
    let key = key()?;
    let text = read(file)?;
    let variables: BTreeMap<String, String> = client_file::named(&text)
        .into_iter()
        .filter_map(|name| std::env::var(&name).ok().map(|value| (name, value)))
        .collect();
    let body = json!({"config": text, "variables": variables, "dryRun": dry_run});
    let answer = ask(base, &key, "POST", "/api/mcp/import", Some(&body))?;
    let outcome: ImportOutcome = serde_json::from_slice(&answer).map_err(|_| no_ostler(base))?;
    let mut report = String::new();
    for ImportedServer { name, action, problem, ignored, notes } in &outcome.servers {
        let problem = problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
        let ignored = if ignored.is_empty() { String::new() } else { format!(" (left out: {})", ignored.join(", ")) };
        report.push_str(&logging::one_line(&format!("{action:<6}  {name}{problem}{ignored}")));
        report.push('\n');
        notes.iter().for_each(|note| report.push_str(&format!("        note: {}\n", logging::one_line(note))));
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
    let answer = ask(base, &key()?, "GET", &format!("/api/mcp/export?format={format}"), None)?;
    let value: Value = serde_json::from_slice(&answer).map_err(|_| no_ostler(base))?;
    print(&format!("{value:#}\n"))
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::of(&format!("read {}", file.display()), &error))
}

/// Prints what a command found.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(|error| Failure::of("write to standard output", &error))
}

/// The key that is sent.
pub(super) fn key() -> Result<String, Failure> {
    let next = "make one with POST /api/auth/keys";
    let missing = || Failure::Misconfigured(format!("{KEY_VARIABLE} holds no API key; {next}"));
    std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty()).ok_or_else(missing)
}

/// The body of a good answer.
pub(super) fn ask(base: &str, key: &str, method: &str, path: &str, body: Option<&Value>) -> Result<Vec<u8>, Failure> {
    ask_within(RESPONSE_TIMEOUT, base, key, (method, path), body)
}

/// The body of a good answer that comes within `timeout`.
pub(super) fn ask_within(
    timeout: Duration,
    base: &str,
    key: &str,
    (method, path): (&str, &str),
    body: Option<&Value>,
) -> Result<Vec<u8>, Failure> {
    actix::System::new().block_on(async {
        let client = outbound::client(base, outbound::Reachable::Any).map_err(Failure::Failed)?;
        let method = if method == "POST" { awc::http::Method::POST } else { awc::http::Method::GET };
        let request = client.request(method, format!("{base}{path}")).timeout(timeout);
        let request = request.insert_header((header::AUTHORIZATION, format!("Bearer {key}")));
        let sent = match body {
            Some(body) => request.send_json(body).await,
            None => request.send().await,
        };
        let mut answer = sent.map_err(|error| place::unreachable(base, &error))?;
        let body = answer.body().limit(RESPONSE_BYTES_MAX).await;
        let body = body.map_err(|error| Failure::Failed(format!("the answer of {base} ended early: {error}")))?;
        if answer.status().is_success() {
            return Ok(body.to_vec());
        }
        Err(refusal(base, answer.status(), &body))
    })
}

/// Failure for an answer that is not a success: in Ostler's own words where it has any.
fn refusal(base: &str, status: StatusCode, body: &[u8]) -> Failure {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    match value.get("detail").and_then(Value::as_str) {
        Some(detail) => Failure::Failed(format!("Ostler at {base} refused it: {detail}")),
        None => Failure::Failed(format!("what answers at {base} said {}; is it an Ostler?", status.as_u16())),
    }
}

/// Failure of an answer that is none of Ostler's.
pub(super) fn no_ostler(base: &str) -> Failure {
    Failure::Failed(format!("what answers at {base} is no Ostler"))
}
