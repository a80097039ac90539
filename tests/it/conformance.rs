//! The official conformance suite finds nothing wrong with Ostler, whatever era its client and the server behind it
//! speak.
//!
//! The suite asks for tools and prompts by name. Two fixtures of ours have them (`tests/fakes/conformance`): one server
//! of the older era, one of the newer. Each is judged by the requirements of both, through `/mcp/{id}`.

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

/// Judges at work at the same time.
const AT_ONCE: usize = 8;

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
    is_a_good_client(
        "2025-11-25",
        false,
        &["initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"],
    );
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
    is_a_good_client("2026-07-28", false, &scenarios);
}

/// Scenarios of consent in both requirements.
const CONSENT: [&str; 14] = [
    "auth/metadata-default",
    "auth/metadata-var1",
    "auth/metadata-var2",
    "auth/metadata-var3",
    "auth/basic-cimd",
    "auth/scope-from-www-authenticate",
    "auth/scope-from-scopes-supported",
    "auth/scope-omitted-when-undefined",
    "auth/scope-step-up",
    "auth/scope-retry-limit",
    "auth/token-endpoint-auth-basic",
    "auth/token-endpoint-auth-post",
    "auth/token-endpoint-auth-none",
    "auth/pre-registration",
];

#[test]
fn servers_that_want_consent_get_it_by_the_rules_of_2025_11_25() {
    is_a_good_client("2025-11-25", true, &CONSENT);
}

#[test]
fn servers_that_want_consent_get_it_by_the_rules_of_2026_07_28() {
    let newer = [
        "auth/resource-mismatch",
        "auth/offline-access-scope",
        "auth/offline-access-not-supported",
        "auth/authorization-server-migration",
        "auth/iss-supported",
        "auth/iss-not-advertised",
        "auth/iss-supported-missing",
        "auth/iss-wrong-issuer",
        "auth/iss-unexpected",
        "auth/iss-normalized",
        "auth/metadata-issuer-mismatch",
    ];
    is_a_good_client("2026-07-28", true, &[&CONSENT[..], &newer].concat());
}

/// Has Ostler judged by how it uses the servers that the suite runs: all that count, of those about consent or of the
/// rest.
fn is_a_good_client(requirements: &str, about_consent: bool, scenarios: &[&str]) {
    let Some(judges) = judges() else { return };
    let mut counted = counted(&judges, requirements, "client");
    counted.retain(|name| name.starts_with("auth/") == about_consent);
    assert_eq!(counted, scenarios);
    // The suite knows a client that has metadata by this URL, at which there are none.
    let metadata = ("OSTLER_CLIENT_METADATA_URL", "https://conformance-test.local/client-metadata.json");
    let ostler = Ostler::with(&[("MCP_PRIVATE_ADDRESSES", "true"), metadata]);
    let (address, admin) = (ostler.address, ostler.admin());
    let script = format!("{}/tests/clients/upstream.mjs", env!("CARGO_MANIFEST_DIR"));
    let (client, results) = (format!("{} {script}", judges.node.display()), ostler.setup.home.join("verdicts"));
    let ask = |scenario: &str| {
        let mut command = suite(&judges);
        command.env("JUDGES_FOLDER", &judges.folder).env("OSTLER_PLACE", format!("http://{address}"));
        command.env("OSTLER_API_KEY", admin.token.as_deref().unwrap());
        command.args(["client", "--command", &client, "--scenario", scenario]);
        run(command.args(["--spec-version", requirements, "-o"]).arg(&results))
    };
    let few = scenarios.chunks(AT_ONCE);
    let said: Vec<_> = few.flat_map(|few| together(few.len(), |index| ask(few[index]))).collect();
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
    let fixture = fixture.set("tools", json!({"changes": "follow"}));
    let server = ostler.admin().running(fixture.set("isolation", json!(isolation)));
    let door = Keyed::open(&ostler.admin());
    let counted = counted(&judges, requirements, "server");
    assert_eq!(counted.len(), scored, "{counted:?}");
    assert!(counted.iter().all(|scenario| not_asked(era, scenario).is_none()), "what counts has to be asked");
    let faults = |folder: &str| {
        let results = ostler.setup.home.join(folder);
        let verdicts = judged(&judges, &door.url(&format!("/mcp/{}", server.id)), requirements, &results);
        let missing = counted.iter().filter(|scenario| !verdicts.contains_key(*scenario));
        let missing = missing.map(|scenario| format!("{scenario}: was not run"));
        let asked = verdicts.iter().filter(|(scenario, _)| not_asked(era, scenario).is_none());
        let found = asked.flat_map(|(scenario, checks)| checks.iter().filter_map(|check| fault(scenario, check)));
        missing.chain(found).collect::<Vec<_>>()
    };
    // Some judges wait for half a second and no longer: on a busy machine they may judge twice.
    if !faults("verdicts").is_empty() {
        let faults = faults("second verdicts");
        assert!(faults.is_empty(), "{era} server, {requirements}:\n{}", faults.join("\n"));
    }
}

/// Every check of every scenario that was run.
fn judged(judges: &Judges, url: &str, requirements: &str, results: &Path) -> BTreeMap<String, Vec<Value>> {
    run(suite(judges).args(["server", "--url", url, "--requirements", requirements, "-o"]).arg(results));
    verdicts(results, "server-")
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
    let (single, groups): (Vec<_>, Vec<_>) = folders.partition(|folder| folder.join("checks.json").exists());
    let mut verdicts: BTreeMap<_, _> = single.iter().map(|folder| (scenario(folder, side), checks(folder))).collect();
    for group in groups {
        let name = group.file_name().unwrap().to_str().unwrap();
        let below = self::verdicts(&group, side);
        verdicts.extend(below.into_iter().map(|(scenario, checks)| (format!("{name}/{scenario}"), checks)));
    }
    verdicts
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
