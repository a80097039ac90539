//! `ostler client-config`: the configuration of an MCP client that uses Ostler, printed or put in its place.

mod file;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Arg, ArgAction, ArgMatches, Command as Clap, builder::PossibleValuesParser};
use ostler::policy::client_file::{AddedEntry, Section, with_sections};
use serde_json::{Value, json};

use crate::cli::{
    failure::Failure,
    place::{self, ConnectionTarget, KEY_VARIABLE},
    standard_error::complain,
    value,
};

/// A client whose configuration is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Claude Desktop, which only starts programs.
    Claude,
    /// Claude Code, in the folder it is started in.
    ClaudeCode,
    /// Cursor, for its user.
    Cursor,
    /// VS Code, in the folder that is open.
    VsCode,
}

const CLIENTS: &[(&str, Client)] = &[
    ("claude", Client::Claude),
    ("claude-code", Client::ClaudeCode),
    ("cursor", Client::Cursor),
    ("vscode", Client::VsCode),
];

/// Placeholder of the key where none may be written.
const PLACEHOLDER: &str = "<your API key>";

/// Command line of `client-config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientConfigOptions {
    client: Client,
    place: ConnectionTarget,
    name: String,
    write: bool,
}

/// The command.
pub(crate) fn definition() -> Clap {
    let client = Arg::new("client")
        .required(true)
        .value_parser(PossibleValuesParser::new(CLIENTS.iter().map(|(name, _)| *name)))
        .help("The client: Claude Desktop, Claude Code, Cursor or VS Code");
    let name = Arg::new("name")
        .long("name")
        .value_name("NAME")
        .default_value("ostler")
        .help("Name of the entry in the client's configuration");
    let write = Arg::new("write").long("write").action(ArgAction::SetTrue);
    Clap::new("client-config")
        .about("Print the configuration of an MCP client that uses Ostler, or put it in its place")
        .arg(client)
        .args(place::arguments())
        .arg(name)
        .arg(write.help("Write it into the client's file, leave the rest of the file, and keep a backup (.bak)"))
        .after_help(format!(
            "Claude Code and VS Code have a file in the current folder, the others one of their user. Only the \
             file of Claude Desktop holds the key itself, taken from {KEY_VARIABLE}; the others take it from there, \
             or ask. Exit codes: 0 done, 1 failed, 64 bad usage."
        ))
}

/// Reads the command line.
pub(crate) fn options(matches: &ArgMatches) -> ClientConfigOptions {
    let client = matches.get_one::<String>("client").and_then(|name| value::one_of(name, CLIENTS).ok());
    ClientConfigOptions {
        client: client.unwrap_or(Client::Claude),
        place: ConnectionTarget::read(matches),
        name: matches.get_one::<String>("name").cloned().unwrap_or_default(),
        write: matches.get_flag("write"),
    }
}

/// Prints or writes.
pub(crate) fn run(options: &ClientConfigOptions) -> Result<(), Failure> {
    let key = std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty());
    let url = endpoint(options, key.as_deref())?;
    let sections = sections(options, &url, if options.write { key.as_deref() } else { None })?;
    if !options.write {
        let text = with_sections(file::NEW, &sections).map_err(Failure::Failed)?;
        let place = file(options.client)?;
        complain(&format!("ostler: this belongs into {}; --write puts it there\n", place.display()));
        return io::stdout()
            .lock()
            .write_all(text.as_bytes())
            .map_err(|error| Failure::of("write to standard output", &error));
    }
    if options.client == Client::Claude && key.is_none() {
        let next = "make one with POST /api/auth/keys";
        return Err(Failure::Misconfigured(format!("{KEY_VARIABLE} holds no API key to write; {next}")));
    }
    let place = file(options.client)?;
    let kept = file::write(&place, &sections)?;
    complain(&match kept {
        file::WriteResult::New => format!("ostler: wrote {}\n", place.display()),
        file::WriteResult::Merged(copy) => {
            format!("ostler: changed {}; as it was: {}\n", place.display(), copy.display())
        }
        file::WriteResult::Same => format!("ostler: {} says so already\n", place.display()),
    });
    Ok(())
}

/// The URL for clients that speak HTTP. Only a server's name has to be looked up.
fn endpoint(options: &ClientConfigOptions, key: Option<&str>) -> Result<String, Failure> {
    let ConnectionTarget { base, server, search } = &options.place;
    match server {
        None => Ok(format!("{base}/mcp{}", if *search { "?tools=search" } else { "" })),
        Some(id) if uuid::Uuid::try_parse(id).is_ok() => Ok(format!("{base}/mcp/{id}")),
        // It is looked up each time it connects.
        Some(_) if options.client == Client::Claude => Ok(String::new()),
        Some(name) => {
            let missing =
                || Failure::Misconfigured(format!("to find the server {name:?}, {KEY_VARIABLE} has to hold a key"));
            actix::System::new().block_on(options.place.endpoint(key.ok_or_else(missing)?))
        }
    }
}

fn sections(options: &ClientConfigOptions, url: &str, key: Option<&str>) -> Result<Vec<Section>, Failure> {
    let section = |member, value| Section { member, entry: AddedEntry::Named(options.name.clone(), value) };
    let http = |key: &str| json!({"type": "http", "url": url, "headers": {"Authorization": format!("Bearer {key}")}});
    let from_environment = |prefix: &str| format!("${{{prefix}{KEY_VARIABLE}}}");
    Ok(match options.client {
        Client::Claude => vec![section("mcpServers", program(options, key)?)],
        Client::ClaudeCode => vec![section("mcpServers", http(&from_environment("")))],
        Client::Cursor => {
            let mut cursor = http(&from_environment("env:"));
            if let Some(members) = cursor.as_object_mut() {
                members.remove("type");
            }
            vec![section("mcpServers", cursor)]
        }
        Client::VsCode => {
            let id = format!("{}-key", options.name);
            let description = format!("API key of Ostler at {}", options.place.base);
            let input = json!({"type": "promptString", "id": id, "description": description, "password": true});
            let input = Section { member: "inputs", entry: AddedEntry::Item(input) };
            vec![section("servers", http(&format!("${{input:{id}}}"))), input]
        }
    })
}

/// The entry for a client that only starts programs.
fn program(options: &ClientConfigOptions, key: Option<&str>) -> Result<Value, Failure> {
    let own = std::env::current_exe().map_err(|error| Failure::of("find this program", &error))?;
    let ConnectionTarget { base, server, search } = &options.place;
    let mut arguments = vec!["connect", "--url", base];
    if let Some(server) = server {
        arguments.extend(["--server", server]);
    }
    if *search {
        arguments.push("--search");
    }
    Ok(json!({"command": own, "args": arguments, "env": {KEY_VARIABLE: key.unwrap_or(PLACEHOLDER)}}))
}

/// Path of a client's configuration file.
fn file(client: Client) -> Result<PathBuf, Failure> {
    let home = || {
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        home.ok_or_else(|| Failure::Misconfigured("HOME is not set, so the client's file cannot be found".to_owned()))
    };
    Ok(match client {
        Client::Claude if cfg!(target_os = "macos") => {
            home()?.join("Library/Application Support/Claude/claude_desktop_config.json")
        }
        Client::Claude => {
            let folder = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
            let folder = folder.map_or_else(|| home().map(|home| home.join(".config")), Ok)?;
            folder.join("Claude/claude_desktop_config.json")
        }
        Client::ClaudeCode => ".mcp.json".into(),
        Client::Cursor => home()?.join(".cursor/mcp.json"),
        Client::VsCode => ".vscode/mcp.json".into(),
    })
}
