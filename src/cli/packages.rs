//! `ostler packages`, `outdated`, `update` and `rollback`: packages of servers of a running Ostler.

use std::time::Duration;

use awc::http::Method;
use clap::{Arg, ArgAction, ArgMatches, Command as Clap};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{
    failure::Failure,
    package_archives,
    place::{self, ConnectionTarget, KEY_VARIABLE},
    report::{line, print},
    running::Running,
    standard_error::complain,
};

/// Names of the commands.
pub(crate) const COMMANDS: [&str; 4] = ["packages", "outdated", "update", "rollback"];

/// Time for Ostler to answer: it may install a large tree over a slow line, and starts a server twice.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1800);

/// Command line of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackageOptions {
    base: String,
    action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    List,
    Outdated,
    /// An update of a server, with the body that says how.
    Update(String, Value),
    Rollback(String),
}

/// The commands.
pub(crate) fn definitions(configuration: &[Arg]) -> [Clap; 4] {
    let server = || Arg::new("server").value_name("SERVER").required(true).help("Its name or id");
    let dry_run = Arg::new("dry-run").long("dry-run").action(ArgAction::SetTrue);
    let accept = Arg::new("accept").long("accept").value_name("REVISION").conflicts_with("dry-run");
    let of = |name, about, permission: &str| {
        let help =
            format!("{KEY_VARIABLE} holds an API key with {permission}. Exit codes: 0 done, 1 failed, 64 bad usage.");
        Clap::new(name).about(about).arg(place::url()).after_help(help)
    };
    [
        of("packages", "List the packages that servers are started from, with their sizes", "mcp:read")
            .args_conflicts_with_subcommands(true)
            .subcommands(package_archives::definitions(configuration)),
        of("outdated", "List servers for which there are other versions of their packages", "mcp:write"),
        of(
            "update",
            "Update the package of a server, once the new version has become ready beside the old",
            "mcp:write",
        )
        .arg(server())
        .arg(dry_run.help("Install and try out the new version, show the difference, and change nothing"))
        .arg(accept.help("Accept the tools that a dry run showed, by its revision; otherwise they wait for that")),
        of("rollback", "Have a server run the versions before its last update", "mcp:write").arg(server()),
    ]
}

/// Reads the command line of the command `name`.
pub(crate) fn options(name: &str, matches: &ArgMatches) -> PackageOptions {
    let server = || matches.get_one::<String>("server").cloned().unwrap_or_default();
    let action = match name {
        "outdated" => Action::Outdated,
        "update" => {
            let revision = matches.get_one::<String>("accept");
            Action::Update(server(), json!({"dryRun": matches.get_flag("dry-run"), "revision": revision}))
        }
        "rollback" => Action::Rollback(server()),
        _ => Action::List,
    };
    PackageOptions { base: place::base_of(matches), action }
}

#[derive(Deserialize)]
struct Installations {
    items: Vec<Installation>,
}

#[derive(Deserialize)]
struct Installation {
    name: String,
    version: String,
    bytes: Option<u64>,
    servers: Vec<User>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    name: String,
    is_previous: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    name: String,
    version: String,
    available: String,
    is_other: bool,
    packages: Vec<Difference>,
}

#[derive(Deserialize)]
struct Difference {
    name: String,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    #[serde(flatten)]
    versions: Versions,
    tools: Vec<Tool>,
    removed_tools: Vec<String>,
    calls: Vec<Call>,
    revision: String,
    is_applied: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tool {
    name: String,
    accepted_hash: Option<String>,
    differences: Vec<DifferencePlace>,
}

#[derive(Deserialize)]
struct Call {
    tool: String,
    failure: Option<String>,
}

#[derive(Deserialize)]
struct DifferencePlace {
    pointer: String,
}

/// Does what the command line says.
pub(crate) fn run(PackageOptions { base, action }: &PackageOptions) -> Result<(), Failure> {
    let running = Running::at(base)?.within(RESPONSE_TIMEOUT);
    match action {
        Action::List => list(&running),
        Action::Outdated => outdated(&running),
        Action::Update(server, body) => update(&running, server, body),
        Action::Rollback(server) => {
            let path = format!("/api/mcp/{}/package/rollback", id_of(&running, server)?);
            let Versions { name, version, available, .. } = running.ask(Method::POST, &path, None)?;
            print(&line(&format!("{server}: {name} {version} → {available}")))
        }
    }
}

fn id_of(running: &Running, server: &str) -> Result<String, Failure> {
    let target = ConnectionTarget { base: running.base.to_owned(), server: None, search: false };
    actix::System::new().block_on(target.id_of(server, &running.key))
}

fn list(running: &Running) -> Result<(), Failure> {
    let Installations { items } = running.ask(Method::GET, "/api/packages", None)?;
    let mut report = String::new();
    for Installation { name, version, bytes, servers } in items {
        let servers: Vec<_> = servers.iter().map(User::shown).collect();
        let size = bytes.map_or_else(|| "?".to_owned(), |bytes| format!("{} MB", bytes.div_ceil(1_000_000)));
        report.push_str(&line(&format!("{name} {version}  {size}  {}", servers.join(", "))));
    }
    print(&report)
}

fn outdated(running: &Running) -> Result<(), Failure> {
    let Installations { items } = running.ask(Method::GET, "/api/packages", None)?;
    let servers = items.into_iter().flat_map(|installation| installation.servers);
    let (mut report, mut failed) = (String::new(), 0_usize);
    for User { id, name: server, .. } in servers.filter(|user| !user.is_previous) {
        match running.ask::<Versions>(Method::GET, &format!("/api/mcp/{id}/package/available"), None) {
            Ok(Versions { is_other: false, .. }) => {}
            Ok(found) => report.push_str(&line(&format!("{server}: {}", found.shown()))),
            Err(Failure::Failed(reason) | Failure::Misconfigured(reason)) => {
                failed = failed.saturating_add(1);
                complain(&line(&format!("{server}: {reason}")));
            }
        }
    }
    print(&report)?;
    if failed == 0 { Ok(()) } else { Err(Failure::Failed(format!("{failed} servers could not be looked up"))) }
}

fn update(running: &Running, server: &str, body: &Value) -> Result<(), Failure> {
    let path = format!("/api/mcp/{}/package/update", id_of(running, server)?);
    let update: Update = running.ask(Method::POST, &path, Some(body))?;
    let mut report = line(&format!("{server}: {}", update.versions.shown()));
    for Difference { name, before, after } in &update.versions.packages {
        let (before, after) = (before.as_deref().unwrap_or("none"), after.as_deref().unwrap_or("none"));
        report.push_str(&line(&format!("  {name} {before} → {after}")));
    }
    update.tools.iter().for_each(|tool| report.push_str(&line(&format!("  {}", tool.shown()))));
    update.removed_tools.iter().for_each(|tool| report.push_str(&line(&format!("  tool {tool} is gone"))));
    update.calls.iter().for_each(|call| report.push_str(&line(&format!("  {}", call.shown()))));
    print(&report)?;
    if update.versions.is_other && !update.is_applied {
        let next = format!("ostler update {server} --accept {}", update.revision);
        complain(&line(&format!("ostler: nothing was changed; to update and accept these tools: {next}")));
    }
    Ok(())
}

impl User {
    fn shown(&self) -> String {
        if self.is_previous { format!("{} (before)", self.name) } else { self.name.clone() }
    }
}

impl Versions {
    fn shown(&self) -> String {
        let Self { name, version, available, is_other, packages } = self;
        match (is_other, version == available) {
            (false, _) => format!("{name} {version} is what there is"),
            (true, true) => format!("{name} {version}, {} other packages with it", packages.len()),
            (true, false) => format!("{name} {version} → {available}"),
        }
    }
}

impl Call {
    fn shown(&self) -> String {
        let Self { tool, failure } = self;
        match failure {
            None => format!("tool {tool}, called as it was before, succeeds"),
            Some(failure) => format!("tool {tool}, called as it was before, fails: {failure}"),
        }
    }
}

impl Tool {
    fn shown(&self) -> String {
        let Self { name, accepted_hash, differences } = self;
        let places: Vec<_> = differences.iter().map(|place| place.pointer.as_str()).collect();
        match accepted_hash {
            None => format!("tool {name} is new"),
            Some(_) => format!("tool {name} is another in {}", places.join(", ")),
        }
    }
}
