//! The official conformance suite finds nothing wrong with Ostler, whatever era its client and the server behind it speak.
//!
//! The suite asks for tools and prompts by name. Two fixtures of ours have them (`tests/fakes/conformance`): one server of
//! the older era, one of the newer. Each is judged by the requirements of both, through `/mcp/{id}`.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::support::{
    keyed::Keyed,
    real::{Judges, judges},
    server::built_example,
    *,
};

/// Scenarios that are run and cannot be asked here, with the reason. None of them is among those that are scored.
const NOT_ASKED: &[(&str, &str, &str)] = &[
    ("*", "tasks-*", "the tasks extension: Ostler does not declare it, and no two eras have the same"),
    (
        "legacy",
        "http-custom-header-server-validation",
        "needs a tool with `x-mcp-header`, an annotation that servers of the older era do not have",
    ),
];

/// Findings that are no failure, in scenarios that are asked.
const NOT_EXERCISED: &[(&str, &str)] = &[(
    "server-sse-polling",
    "wants the server to close its stream in the middle of a call; one behind pipes has none, so it looks at less",
)];

#[test]
fn a_server_of_the_older_era_passes_by_the_rules_of_2025_11_25() {
    passes("legacy", "2025-11-25", 30);
}

#[test]
fn a_server_of_the_older_era_passes_by_the_rules_of_2026_07_28() {
    passes("legacy", "2026-07-28", 37);
}

#[test]
fn a_server_of_the_newer_era_passes_by_the_rules_of_2025_11_25() {
    passes("modern", "2025-11-25", 30);
}

#[test]
fn a_server_of_the_newer_era_passes_by_the_rules_of_2026_07_28() {
    passes("modern", "2026-07-28", 37);
}

#[test]
fn ostler_is_a_good_client_of_servers_of_the_older_era() {
    is_a_good_client("2025-11-25", &["initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"]);
}

#[test]
fn ostler_is_a_good_client_of_servers_of_the_newer_era() {
    let scenarios = [
        "tools_call",
        "request-metadata",
        "sep-2322-client-request-state",
        "http-standard-headers",
        "http-custom-headers",
        "http-invalid-tool-headers",
        "json-schema-ref-no-deref",
    ];
    is_a_good_client("2026-07-28", &scenarios);
}

/// Has Ostler judged by how it uses the servers that the suite runs. All that count are asked but those about OAuth:
/// Ostler is told what to send to a server, and asks nobody for a token.
fn is_a_good_client(requirements: &str, scenarios: &[&str]) {
    let Some(judges) = judges() else { return };
    let mut counted = counted(&judges, requirements, "client");
    counted.retain(|name| !name.starts_with("auth/"));
    assert_eq!(counted, scenarios);
    let ostler = Ostler::with(&[("MCP_PRIVATE_ADDRESSES", "true")]);
    let (address, admin) = (ostler.address, ostler.admin());
    let script = format!("{}/tests/clients/upstream.mjs", env!("CARGO_MANIFEST_DIR"));
    let (client, results) = (format!("{} {script}", judges.node.display()), ostler.setup.home.join("verdicts"));
    let said = together(scenarios.len(), |index| {
        let mut command = suite(&judges);
        command.env("JUDGES_FOLDER", &judges.folder).env("OSTLER_PLACE", format!("http://{address}"));
        command.env("OSTLER_API_KEY", admin.token.as_deref().unwrap());
        command.args(["client", "--command", &client, "--scenario", scenarios[index]]);
        run(command.args(["--spec-version", requirements, "-o"]).arg(&results))
    });
    let verdicts = verdicts(&results, "");
    let mut faults = Vec::new();
    for (scenario, said) in scenarios.iter().zip(&said) {
        let checks = verdicts.get(*scenario).unwrap_or_else(|| panic!("{scenario} was not run: {said}"));
        // What is skipped here is about requests that are not sent, such as `initialize` in the newer era.
        let checked = checks.iter().filter(|check| check["status"] != "SKIPPED");
        let found: Vec<_> = checked.filter_map(|check| fault(scenario, check)).collect();
        if !found.is_empty() {
            faults.push(format!("{}\n{said}", found.join("\n")));
        }
    }
    assert!(faults.is_empty(), "as a client, {requirements}:\n{}", faults.join("\n"));
}

/// Has the fixture of `era` judged by `requirements`, of which `scored` scenarios count.
fn passes(era: &str, requirements: &str, scored: usize) {
    let Some(judges) = judges() else { return };
    let ostler = Ostler::spawn();
    let fixture = Spec::new(built_example("conformance_server").to_str().unwrap(), json!(["--era", era]));
    // Only a process that a session has for itself may ask its client anything; the newer era asks in answers.
    let isolation = if era == "legacy" { "per-session" } else { "shared" };
    let server = ostler.admin().running(fixture.set("isolation", json!(isolation)));
    let door = Keyed::open(&ostler.admin());
    let verdicts = judged(&judges, &door.url(&format!("/mcp/{}", server.id)), requirements, &ostler.setup.home);
    let counted = counted(&judges, requirements, "server");
    assert_eq!(counted.len(), scored, "{counted:?}");
    let mut faults = Vec::new();
    for scenario in &counted {
        if !verdicts.contains_key(scenario) {
            faults.push(format!("{scenario}: was not run"));
        }
        assert!(not_asked(era, scenario).is_none(), "{scenario} counts, and has to be asked");
    }
    for (scenario, checks) in &verdicts {
        if not_asked(era, scenario).is_none() {
            faults.extend(checks.iter().filter_map(|check| fault(scenario, check)));
        }
    }
    assert!(faults.is_empty(), "{era} server, {requirements}:\n{}", faults.join("\n"));
}

/// Every check of every scenario that was run.
fn judged(judges: &Judges, url: &str, requirements: &str, home: &Path) -> BTreeMap<String, Vec<Value>> {
    let results = home.join("verdicts");
    run(suite(judges).args(["server", "--url", url, "--requirements", requirements, "-o"]).arg(&results));
    verdicts(&results, "server-")
}

fn suite(judges: &Judges) -> Command {
    let mut command = Command::new(&judges.node);
    command.arg(judges.folder.join("node_modules/@modelcontextprotocol/conformance/dist/index.js"));
    command
}

/// Runs the suite; how it judged stands in files.
fn run(command: &mut Command) -> String {
    let said = command.output().unwrap();
    String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
}

fn verdicts(results: &Path, side: &str) -> BTreeMap<String, Vec<Value>> {
    let folders = fs::read_dir(results).expect("the suite did not run").map(|folder| folder.unwrap().path());
    folders.map(|folder| (scenario(&folder, side), checks(&folder))).collect()
}

/// `server-NAME-TIME`, or `NAME-TIME` of the other side, without the rest.
fn scenario(folder: &Path, side: &str) -> String {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let name = &name[..name.len() - "-2026-11-22T15-37-26-882Z".len()];
    name.strip_prefix(side).unwrap_or(name).to_owned()
}

fn checks(folder: &Path) -> Vec<Value> {
    serde_json::from_slice(&fs::read(folder.join("checks.json")).unwrap()).unwrap()
}

/// The scenarios of a side that count, as the suite itself lists them.
fn counted(judges: &Judges, requirements: &str, side: &str) -> Vec<String> {
    let file = format!("node_modules/@modelcontextprotocol/conformance/requirements/{requirements}.yaml");
    let text = fs::read_to_string(judges.folder.join(file)).unwrap();
    let side = format!("{side}:");
    let list = text.lines().skip_while(|line| *line != side).skip(1);
    list.map_while(|line| line.strip_prefix("  - ").or(line.is_empty().then_some("")))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn not_asked(era: &str, scenario: &str) -> Option<&'static str> {
    let matches = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    NOT_ASKED.iter().find(|(of, name, _)| matches(of, era) && matches(name, scenario)).map(|(_, _, reason)| *reason)
}

/// What is wrong where the check did not pass; a warning is wrong, too.
fn fault(scenario: &str, check: &Value) -> Option<String> {
    let status = check["status"].as_str().unwrap_or_default();
    let excused = status == "WARNING" && NOT_EXERCISED.iter().any(|(name, _)| *name == scenario);
    if excused || ["SUCCESS", "INFO"].contains(&status) {
        return None;
    }
    Some(format!("{scenario}: {} is {status}: {} {}", check["id"], check["errorMessage"], check["details"]))
}
