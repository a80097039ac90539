//! `ostler add`: registers a server of the catalogue, or a command line, with a running Ostler.

use std::{collections::BTreeMap, io};

use awc::http::Method;
use clap::{Arg, ArgAction, ArgMatches, Command as Clap};
use ostler::policy::package;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{
    failure::Failure,
    place::{self, KEY_VARIABLE},
    report::{line, print},
    running::Running,
    templates,
};

/// Stands for an answer that is read from standard input.
const STANDARD_INPUT: &str = "-";

/// Command line of `add`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AddOptions {
    words: Vec<String>,
    template: Option<String>,
    name: Option<String>,
    base: String,
    dry_run: bool,
}

impl std::fmt::Debug for AddOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The words may hold a secret.
        let Self { words: _, template, name, base, dry_run } = self;
        let mut shown = f.debug_struct("AddOptions");
        shown.field("template", template).field("name", name).field("base", base).field("dry_run", dry_run).finish()
    }
}

/// The command.
pub(crate) fn definition() -> Clap {
    let words = Arg::new("words").value_name("WORD").required_unless_present("template").num_args(1..);
    let template = Arg::new("template").long("template").value_name("NAME");
    let name = Arg::new("name").long("name").value_name("NAME");
    let dry_run = Arg::new("dry-run").long("dry-run").action(ArgAction::SetTrue);
    Clap::new("add")
        .about("Add a server: by its name in the catalogue, of a template, by its package, or by its command line")
        .arg(template.help("Make it of this template; the words are answers to its questions"))
        .arg(name.help("The server's name, in place of the usual one"))
        .arg(place::url())
        .arg(dry_run.help("Show what would be run without adding it"))
        .arg(
            words
                .trailing_var_arg(true)
                .allow_hyphen_values(true)
                .help("A name with answers, a package, or a command line"),
        )
        .after_help(format!(
            "  ostler add github                     of the catalogue; `ostler catalogue` lists it\n  \
             ostler add sqlite folder=/srv/data    with answers to its questions\n  \
             ostler add --template files team=blue  of a template; `ostler templates` lists them\n  \
             ostler add @scope/package ARGUMENTS   a package of npm, installed once\n  \
             ostler add npx -y PACKAGE ARGUMENTS   any command line, as uvx PACKAGE\n\n\
             Options stand before the name. An answer that is a secret is better not written here, where other users \
             see it: it is taken from the environment variable of its name, or with KEY=- read from standard input. \
             {KEY_VARIABLE} holds an API key with mcp:write, and mcp:manage to write command lines. \
             Exit codes: 0 done, 1 failed, 64 bad usage."
        ))
}

/// Reads the command line.
pub(crate) fn options(matches: &ArgMatches) -> AddOptions {
    AddOptions {
        words: matches.get_many::<String>("words").into_iter().flatten().cloned().collect(),
        template: matches.get_one::<String>("template").cloned(),
        name: matches.get_one::<String>("name").cloned(),
        base: place::base_of(matches),
        dry_run: matches.get_flag("dry-run"),
    }
}

/// The words of the command line, understood.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Entry { id: String, values: BTreeMap<String, String> },
    Program { command: String, args: Vec<String> },
}

/// Has Ostler add a server.
pub(crate) fn run(options: &AddOptions) -> Result<(), Failure> {
    let running = Running::at(&options.base)?;
    if let Some(name) = &options.template {
        let path = templates::path_of(&running, name)?;
        return add_answered(options, &running, (&path, "servers"), answers(&options.words)?);
    }
    match understood(&options.words) {
        Wanted::Entry { id, values } => {
            let path: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
            add_answered(options, &running, (&format!("/api/catalogue/{path}"), "install"), values)
        }
        Wanted::Program { command, args } => add_program(options, &running, &command, &args),
    }
}

fn understood(words: &[String]) -> Wanted {
    let (first, rest) = words.split_first().map_or((String::new(), &[][..]), |(first, rest)| (first.clone(), rest));
    if first.starts_with('@') {
        let args = ["-y".to_owned(), first].into_iter().chain(rest.iter().cloned()).collect();
        return Wanted::Program { command: "npx".into(), args };
    }
    match answers(rest) {
        Ok(values) if package::recognize(&first, rest).is_none() && !first.starts_with(['/', '.']) => {
            Wanted::Entry { id: first, values }
        }
        _ => Wanted::Program { command: first, args: rest.to_vec() },
    }
}

/// Words of the form `KEY=VALUE`.
fn answers(words: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let is_key = |key: &str| !key.is_empty() && !key.starts_with('-');
    let answer = |word: &String| {
        let answer = word.split_once('=').filter(|(key, _)| is_key(key)).map(owned);
        answer.ok_or_else(|| Failure::Misconfigured(format!("{word}: an answer is written as KEY=VALUE")))
    };
    words.iter().map(answer).collect()
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// An entry of the catalogue, or a template, as far as it is needed.
#[derive(Deserialize)]
struct Entry {
    fields: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    name: String,
    is_secret: bool,
}

/// Adds a server that answers make of what is at `path`, by its `action`.
fn add_answered(
    AddOptions { name, dry_run, .. }: &AddOptions,
    running: &Running,
    (path, action): (&str, &str),
    mut values: BTreeMap<String, String>,
) -> Result<(), Failure> {
    let entry: Entry = running.ask(Method::GET, path, None)?;
    for value in values.values_mut().filter(|value| *value == STANDARD_INPUT) {
        value.clear();
        io::stdin().read_line(value).map_err(|error| Failure::of("read standard input", &error))?;
        value.truncate(value.trim_end().len());
    }
    for field in entry.fields.iter().filter(|field| field.is_secret) {
        let known = std::env::var(&field.name).ok().filter(|_| !values.contains_key(&field.name));
        values.extend(known.map(|value| (field.name.clone(), value)));
    }
    let body = json!({"name": name, "values": values, "dryRun": dry_run});
    report(running.base, &running.ask(Method::POST, &format!("{path}/{action}"), Some(&body))?)
}

fn add_program(
    AddOptions { name, dry_run, .. }: &AddOptions,
    running: &Running,
    command: &str,
    args: &[String],
) -> Result<(), Failure> {
    let name = name.clone().unwrap_or_else(|| name_of(command, args));
    if *dry_run {
        let config = json!({"mcpServers": {&name: {"command": command, "args": args}}});
        let body = json!({"config": config, "dryRun": true});
        let answer: Value = running.ask(Method::POST, "/api/mcp/import", Some(&body))?;
        let server = answer.pointer("/servers/0").ok_or_else(|| running.no_ostler())?;
        if let Some(problem) = server.get("problem").and_then(Value::as_str) {
            return Err(Failure::Failed(problem.to_owned()));
        }
        return report(running.base, server);
    }
    let body = json!({"name": name, "command": command, "args": args});
    let server: Value = running.ask(Method::POST, "/api/mcp", Some(&body))?;
    report(running.base, &json!({"server": server}))
}

/// The name of a server that none is given for: that of its package, or of its program.
fn name_of(command: &str, args: &[String]) -> String {
    let package = package::recognize(command, args).and_then(Result::ok);
    let package = package.and_then(|run| run.packages.into_iter().next()).map(|package| package.name);
    let name = package.unwrap_or_else(|| command.to_owned());
    name.rsplit('/').next().unwrap_or(command).to_owned()
}

/// Prints what was added, or what would be run.
fn report(base: &str, answer: &Value) -> Result<(), Failure> {
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let words = |pointer: &str| {
        let words = answer.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        words.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    };
    let mut lines = vec![if answer.get("server").is_some_and(Value::is_object) {
        format!("added   {}: {base}/#/servers/{}", text("/server/name"), text("/server/id"))
    } else if answer.get("start").is_some_and(Value::is_object) {
        format!("would run  {} {}", text("/start/program"), words("/start/args"))
    } else {
        "would connect to its URL".to_owned()
    }];
    let secrets = words("/secrets");
    if !secrets.is_empty() {
        lines.push(format!("secret  {secrets}"));
    }
    print(&lines.iter().map(|text| line(text)).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood_line(line: &str) -> Wanted {
        understood(&line.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>())
    }

    fn program(command: &str, args: &[&str]) -> Wanted {
        Wanted::Program { command: command.into(), args: args.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn a_name_a_package_and_a_command_line_are_distinguished() {
        let entry = |id: &str, values: &[(&str, &str)]| Wanted::Entry {
            id: id.into(),
            values: values.iter().map(|(key, value)| owned((key, value))).collect(),
        };
        assert_eq!(understood_line("github"), entry("github", &[]));
        assert_eq!(understood_line("sqlite database=/a=b"), entry("sqlite", &[("database", "/a=b")]));
        assert_eq!(understood_line("@a/b /srv"), program("npx", &["-y", "@a/b", "/srv"]));
        assert_eq!(understood_line("npx -y a"), program("npx", &["-y", "a"]));
        assert_eq!(understood_line("uvx a"), program("uvx", &["a"]));
        assert_eq!(understood_line("/usr/bin/server"), program("/usr/bin/server", &[]));
        assert_eq!(understood_line("node server.js --a=b"), program("node", &["server.js", "--a=b"]));
        assert_eq!(understood_line("tool --a=b"), program("tool", &["--a=b"]));
    }

    #[test]
    fn a_server_is_called_like_its_package_or_its_program() {
        let named = |line: &str| match understood_line(line) {
            Wanted::Program { command, args } => name_of(&command, &args),
            Wanted::Entry { id, .. } => id,
        };
        assert_eq!(["@a/b@1.0 /srv", "uvx some==1", "/opt/x/server a"].map(named), ["b", "some", "server"]);
    }
}
