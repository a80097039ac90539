//! `ostler templates`: templates of a running Ostler, listed, shown, exported, imported, applied and removed.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use awc::http::Method;
use clap::{Arg, ArgAction, ArgMatches, Command as Clap, value_parser};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{
    failure::Failure,
    place::{self, KEY_VARIABLE},
    report::{line, needs, print},
    running::Running,
    standard_error::complain,
    transfer,
};

/// Time for Ostler to apply a template: each of its servers is started, one after the other.
const ROLL_TIMEOUT: Duration = Duration::from_secs(3600);

/// Command line of `templates`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateOptions {
    base: String,
    action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    List,
    Show(String),
    Export(String),
    Import(PathBuf),
    Roll { name: String, dry_run: bool },
    Remove(String),
}

/// The command.
pub(crate) fn definition() -> Clap {
    let name = || Arg::new("name").value_name("NAME").required(true).help("The template's name or id");
    let file = Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf));
    let dry_run = Arg::new("dry-run").long("dry-run").action(ArgAction::SetTrue);
    let of = |name: &'static str, about: &'static str| Clap::new(name).about(about).arg(place::url());
    Clap::new("templates")
        .about("List templates, of which `ostler add --template NAME` makes servers")
        .arg(place::url())
        .subcommand(of("show", "Show what a template asks for, and the servers made of it").arg(name()))
        .subcommand(of("export", "Print a template as a file has it").arg(name()))
        .subcommand(
            of("import", "Make the template of a file, or change the one of its name")
                .arg(file.help("The template as JSON")),
        )
        .subcommand(
            of("roll", "Apply a template to the servers made of it, one after the other, without losing a call")
                .arg(name())
                .arg(dry_run.help("Show what would change, and change nothing")),
        )
        .subcommand(of("remove", "Remove a template; the servers made of it stay").arg(name()))
        .after_help(format!(
            "{KEY_VARIABLE} holds an API key with mcp:read, mcp:write to change them, and mcp:manage for those of \
             everybody. Exit codes: 0 done, 1 failed, 64 bad usage."
        ))
}

/// Reads the command line.
pub(crate) fn options(matches: &ArgMatches) -> TemplateOptions {
    let (command, own) = matches.subcommand().unwrap_or(("", matches));
    let name = || own.get_one::<String>("name").cloned().unwrap_or_default();
    let action = match command {
        "show" => Action::Show(name()),
        "export" => Action::Export(name()),
        "import" => Action::Import(own.get_one::<PathBuf>("file").cloned().unwrap_or_default()),
        "roll" => Action::Roll { name: name(), dry_run: own.get_flag("dry-run") },
        "remove" => Action::Remove(name()),
        _ => Action::List,
    };
    TemplateOptions { base: place::base_of(own), action }
}

#[derive(Deserialize)]
struct Found {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    name: String,
    description: String,
    shared: bool,
    needs: Vec<String>,
}

#[derive(Deserialize)]
struct Details {
    template: Value,
    fields: Vec<Field>,
    servers: Vec<Made>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    name: String,
    description: String,
    is_required: bool,
    is_secret: bool,
    default: Option<String>,
    choices: Vec<String>,
}

#[derive(Deserialize)]
struct Made {
    name: String,
}

#[derive(Deserialize)]
struct Roll {
    servers: Vec<Rolled>,
}

#[derive(Deserialize)]
struct Rolled {
    name: String,
    action: String,
    changes: Vec<Change>,
    problem: Option<String>,
}

#[derive(Deserialize)]
struct Change {
    field: String,
    before: Value,
    after: Value,
}

/// Does what the command line says.
pub(crate) fn run(TemplateOptions { base, action }: &TemplateOptions) -> Result<(), Failure> {
    let running = Running::at(base)?;
    match action {
        Action::List => list(&running),
        Action::Show(name) => show(&running, name),
        Action::Export(name) => {
            let Details { template, .. } = running.ask(Method::GET, &path_of(&running, name)?, None)?;
            print(&format!("{template:#}\n"))
        }
        Action::Import(file) => import(&running, file),
        Action::Roll { name, dry_run } => roll(&running.within(ROLL_TIMEOUT), name, *dry_run),
        Action::Remove(name) => {
            running.send(Method::DELETE, &path_of(&running, name)?, None)?;
            print(&line(&format!("removed {name}")))
        }
    }
}

/// The path of the template of this name, or id: the caller's own before one of everybody.
pub(crate) fn path_of(running: &Running, name: &str) -> Result<String, Failure> {
    let Found { mut items } = running.ask(Method::GET, "/api/templates", None)?;
    items.sort_by_key(|item| item.shared);
    match items.iter().find(|item| item.id == name || item.name == name) {
        Some(item) => Ok(format!("/api/templates/{}", item.id)),
        None => {
            let names: Vec<_> = items.iter().map(|item| item.name.as_str()).collect();
            let known = if names.is_empty() { "there is none yet".into() } else { format!("there are {names:?}") };
            Err(Failure::Failed(format!("there is no template {name}; {known}")))
        }
    }
}

fn list(running: &Running) -> Result<(), Failure> {
    let Found { items } = running.ask(Method::GET, "/api/templates", None)?;
    let width = items.iter().map(|item| item.name.chars().count()).max().unwrap_or_default();
    let shown = |Item { name, description, shared, needs: answers, .. }: &Item| {
        let everybody = if *shared { "" } else { " (yours alone)" };
        line(&format!("{name:<width$}  {description}{}{everybody}", needs(answers)))
    };
    print(&items.iter().map(shown).collect::<String>())
}

fn show(running: &Running, name: &str) -> Result<(), Failure> {
    let Details { template, fields, servers } = running.ask(Method::GET, &path_of(running, name)?, None)?;
    let server = template.get("server").cloned().unwrap_or_default();
    let mut report = format!("{server:#}\n");
    fields.iter().for_each(|field| report.push_str(&line(&field.shown())));
    servers.iter().for_each(|made| report.push_str(&line(&format!("server  {}", made.name))));
    print(&report)
}

impl Field {
    fn shown(&self) -> String {
        let Self { name, description, is_required, is_secret, default, choices } = self;
        let kinds = [(*is_required, "required"), (*is_secret, "secret")];
        let kinds = kinds.iter().filter(|(is_so, _)| *is_so).map(|(_, kind)| (*kind).to_owned());
        let default = default.as_ref().map(|default| format!("default {default}"));
        let choices = (!choices.is_empty()).then(|| format!("one of {}", choices.join(", ")));
        let notes: Vec<_> = kinds.chain(default).chain(choices).collect();
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
        format!("asks    {name}{notes}: {description}")
    }
}

fn import(running: &Running, file: &Path) -> Result<(), Failure> {
    let template: Value = serde_json::from_str(&transfer::read(file)?)
        .map_err(|error| Failure::Misconfigured(format!("{} is not JSON: {error}", file.display())))?;
    let name = template.get("name").and_then(Value::as_str).unwrap_or_default();
    let is_shared = template.get("shared").and_then(Value::as_bool).unwrap_or_default();
    let Found { items } = running.ask(Method::GET, "/api/templates", None)?;
    let done = match items.iter().find(|item| item.name == name && item.shared == is_shared) {
        Some(item) => {
            running.send(Method::PUT, &format!("/api/templates/{}", item.id), Some(&template))?;
            "changed"
        }
        None => {
            running.send(Method::POST, "/api/templates", Some(&template))?;
            "added"
        }
    };
    print(&line(&format!("{done:<7} {name}")))
}

fn roll(running: &Running, name: &str, dry_run: bool) -> Result<(), Failure> {
    let path = format!("{}/roll", path_of(running, name)?);
    let Roll { servers } = running.ask(Method::POST, &path, Some(&json!({"dryRun": dry_run})))?;
    let mut report = String::new();
    for Rolled { name, action, changes, problem } in &servers {
        let problem = problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
        report.push_str(&line(&format!("{action:<6}  {name}{problem}")));
        for Change { field, before, after } in changes {
            report.push_str(&line(&format!("        {field} {before} → {after}")));
        }
    }
    print(&report)?;
    if dry_run {
        complain("ostler: nothing was changed; without --dry-run, it is done\n");
    }
    match servers.iter().filter(|server| server.action == "refuse" || server.action == "wait").count() {
        0 => Ok(()),
        left => Err(Failure::Failed(format!("{left} of {} servers stay as they were; see above why", servers.len()))),
    }
}
