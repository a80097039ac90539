//! Further sources of the catalogue: a folder, and registries elsewhere that misbehave.

use std::{fs, path::Path};

use super::{names, run, with_npx_of_the_demo};
use crate::support::{
    folder::Folder,
    mcp_registry::{Listing, McpRegistry, listed, of_kind},
    processes::environment,
    *,
};

/// An Ostler with further sources, at private addresses too.
fn with_sources(sources: &str) -> Setup {
    with_npx_of_the_demo().env("MCP_CATALOGUES", sources).env("MCP_PRIVATE_ADDRESSES", "true")
}

fn of_source(caller: &Caller, source: &str) -> Answer {
    caller.get(&format!("/api/catalogue?source={source}")).is(200)
}

/// State of the only source once it fits.
#[track_caller]
fn state(caller: &Caller, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || {
        let state = caller.get("/api/catalogue?search=nothing%20like%20it").is(200).at("/sources/0").clone();
        fits(&state).then_some(state)
    })
}

fn many(count: usize) -> Vec<Value> {
    (0..count).map(|number| listed(&format!("io.example/s-{number:03}"), &format!("Server {number:03}"))).collect()
}

#[test]
fn a_registrys_servers_are_found_and_added_like_those_that_are_built_in() {
    let entries = vec![
        listed("io.example/notes", "Team notes"),
        of_kind("io.example/bundle", "mcpb"),
        of_kind("io.example/net", "nuget"),
        json!({"server": {"name": "io.example/bad", "packages": 5}}),
    ];
    let registry = McpRegistry::start(Listing::Entries(entries, 100));
    let setup = with_sources(&format!("team={}", registry.url()));
    let programs = setup.home.join("bin").to_str().unwrap().to_owned();
    let ostler = setup.env("PATH", &programs).spawn();
    let admin = ostler.admin();
    let state = state(&admin, "the registry is read", |state| state["entries"] == 3);
    assert_eq!((&state["problem"], &state["isCut"]), (&Value::Null, &json!(false)));
    assert!(state["skipped"][0].as_str().unwrap().starts_with("io.example/bad cannot be read"), "{state}");
    assert!(registry.seen()[0].target.starts_with("/v0.1/servers?version=latest&limit=100"));

    let found = of_source(&admin, "team");
    assert_eq!(names(&found), ["team:io.example/bundle", "team:io.example/net", "team:io.example/notes"]);
    let found = found.has("/items/1/refusal", "needs dnx, which is not on this machine");
    let found = found.has("/items/2/source", "team").has("/items/2/refusal", Value::Null);
    assert!(found.string("/items/0/refusal").contains("\"mcpb\", which is not supported yet"), "{found:?}");
    assert_eq!(names(&admin.get("/api/catalogue?search=team%20notes").is(200)), ["team:io.example/notes"]);
    let built_in = of_source(&admin, "ostler");
    assert!(built_in.list("/items").iter().all(|item| item["source"] == "ostler"), "{built_in:?}");
    admin.get("/api/catalogue?source=other").problem(400, "malformed_request");

    let path = "/api/catalogue/team:io.example%2Fnotes";
    admin.get(path).is(200).has("/title", "Team notes").has("/fields/0/name", "TOKEN");
    let body = json!({"values": {"TOKEN": "s3cret-of-notes"}});
    let made = admin.post(&format!("{path}/install"), body).is(201).has("/server/name", "Team notes");
    let server = admin.server(&made.string("/server/id"));
    server.becomes("running");
    assert_eq!(environment(server.pid())["TOKEN"], "s3cret-of-notes");
    let bundle = "/api/catalogue/team:io.example%2Fbundle/install";
    admin.post(bundle, json!({})).problem(422, "validation_failed");
}

#[test]
fn what_was_read_outlives_a_restart_and_is_shown_as_stale_while_the_registry_fails() {
    let registry = McpRegistry::start(Listing::Entries(many(3), 100));
    let mut ostler = with_sources(&format!("team={}", registry.url())).spawn();
    state(&ostler.admin(), "the registry is read", |state| state["entries"] == 3);
    eventually("it is kept", || ostler.setup.home.join("data/catalogues/team.json").exists().then_some(()));

    ostler.terminate();
    ostler.start_again();
    let asked = || registry.seen().into_iter().any(|seen| seen.header("if-none-match") == Some("\"3\""));
    eventually("it is asked whether that has changed", || asked().then_some(()));
    state(&ostler.admin(), "it has not", |state| state["entries"] == 3 && state["problem"].is_null());

    ostler.terminate();
    registry.set(Listing::Status(500, None));
    ostler.start_again();
    let stale = state(&ostler.admin(), "the failure is shown", |state| state["problem"].is_string());
    assert_eq!((&stale["entries"], &stale["problem"]), (&json!(3), &json!("answered 500")));
    assert!(stale["checkedAt"].is_string());
    let (code, out, err) = run(&ostler.admin(), &Folder::new(), &["catalogue", "Server", "002"]);
    assert!(code == 0 && out.starts_with("team:io.example/s-002  Server 002: Of a registry (needs TOKEN)"), "{out}");
    assert!(err.starts_with("team: cannot be read, as of 20") && err.contains(": answered 500"), "{err}");

    ostler.terminate();
    registry.set(Listing::Entries(many(2), 100));
    ostler.start_again();
    state(&ostler.admin(), "it is read again", |state| state["entries"] == 2 && state["problem"].is_null());
}

#[test]
fn a_list_of_many_pages_is_read_to_its_end_and_then_by_its_changes() {
    let registry = McpRegistry::start(Listing::Entries(many(250), 100));
    let mut ostler = with_sources(&format!("team={}", registry.url())).spawn();
    state(&ostler.admin(), "all pages are read", |state| state["entries"] == 250);
    let first = of_source(&ostler.admin(), "team");
    let cursor = first.string("/nextCursor");
    assert_eq!((names(&first).len(), cursor.as_str()), (200, "team:io.example/s-199"));
    let second = ostler.admin().get(&format!("/api/catalogue?source=team&cursor={cursor}")).is(200);
    assert_eq!((names(&second).len(), second.at("/nextCursor")), (50, &Value::Null));
    ostler.admin().get("/api/catalogue?cursor=none").problem(400, "malformed_request");

    eventually("it is kept", || ostler.setup.home.join("data/catalogues/team.json").exists().then_some(()));
    ostler.terminate();
    let mut gone = listed("io.example/s-000", "Gone");
    gone["_meta"]["io.modelcontextprotocol.registry/official"]["status"] = "deleted".into();
    registry.set(Listing::Entries(vec![gone, listed("io.example/new", "New")], 100));
    ostler.start_again();
    let asked = || registry.seen().into_iter().any(|seen| seen.target.contains("&updated_since=20"));
    eventually("changes are asked for", || asked().then_some(()));
    let found = || names(&ostler.admin().get("/api/catalogue?source=team&search=New").is(200));
    eventually("they are taken over", || (found() == ["team:io.example/new"]).then_some(()));
    let changed = names(&of_source(&ostler.admin(), "team"));
    assert!(!changed.contains(&"team:io.example/s-000".to_owned()), "{changed:?}");
}

#[test]
fn a_registry_that_misbehaves_costs_its_entries_alone_and_its_fault_is_named() {
    for (listing, part) in [
        (Listing::Circle, "gave a cursor twice"),
        (Listing::Endless, "has a list of more than 500 pages"),
        (Listing::Bytes(8 << 20), "sent more than"),
        (Listing::Status(503, Some(7200)), "answered 503"),
        (Listing::Status(401, None), "answered 401"),
    ] {
        let registry = McpRegistry::start(listing.clone());
        let ostler = with_sources(&format!("team={}", registry.url())).spawn();
        let state = state(&ostler.admin(), part, |state| state["problem"].is_string());
        assert!(state["problem"].as_str().unwrap().starts_with(part), "{listing:?}: {state}");
        assert!(names(&ostler.admin().get("/api/catalogue").is(200)).contains(&"github".to_owned()));
        assert!(registry.seen().len() <= 500, "{listing:?}: {}", registry.seen().len());
    }
}

#[test]
fn a_pause_that_a_registry_asks_for_is_made() {
    let registry = McpRegistry::start(Listing::StatusFirst(429, 1, many(1)));
    let ostler = with_sources(&format!("team={}", registry.url())).env("MCP_CATALOGUE_TOKENS", "team=s3cret").spawn();
    state(&ostler.admin(), "it is read in the end", |state| state["entries"] == 1);
    let seen = registry.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen.iter().all(|seen| seen.header("authorization") == Some("Bearer s3cret")), "{seen:?}");
    let shown = ostler.admin().get("/api/catalogue").is(200);
    assert!(!shown.text().contains("s3cret") && !ostler.errors().contains("s3cret"));
}

#[test]
fn nothing_is_asked_at_a_private_address_unless_the_operator_allows_it() {
    let registry = McpRegistry::start(Listing::Entries(many(1), 100));
    let ostler = with_sources(&format!("team={}", registry.url())).env("MCP_PRIVATE_ADDRESSES", "false").spawn();
    let state = state(&ostler.admin(), "it is refused", |state| state["problem"].is_string());
    assert!(state["problem"].as_str().unwrap().contains("MCP_PRIVATE_ADDRESSES"), "{state}");
    assert!(registry.seen().is_empty());
    let no_source = Ostler::spawn();
    assert_eq!(no_source.admin().get("/api/catalogue").is(200).at("/sources"), &json!([]));
}

fn write(folder: &Path, name: &str, entry: &Value) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, entry.to_string()).unwrap();
}

#[test]
fn a_folder_of_entries_is_a_source_and_one_bad_file_is_named() {
    let folder = Folder::new();
    write(folder.path(), "notes.json", &listed("company/notes", "Notes")["server"]);
    write(folder.path(), "wiki/server.json", &listed("company/wiki", "Wiki"));
    fs::write(folder.path().join("bad.json"), "{").unwrap();
    let path = folder.path().to_str().unwrap();
    let ostler = with_sources(&format!("company={path}")).spawn();
    let admin = ostler.admin();
    let state = state(&admin, "the folder is read", |state| state["entries"] == 2);
    assert!(state["skipped"][0].as_str().unwrap().starts_with("bad.json cannot be read"), "{state}");
    assert!(!admin.get("/api/catalogue").is(200).text().contains(path), "its path is for the operator");
    let run = |words: &[&str]| run(&admin, &folder, words);
    let (code, out, err) = run(&["catalogue", "company/wiki"]);
    assert!(code == 0 && out.starts_with("company:company/wiki"), "{out}{err}");
    assert!(err.starts_with("company: left out: bad.json cannot be read"), "{err}");
    let (code, out, err) = run(&["add", "company:company/wiki", "TOKEN=s3cret-of-wiki"]);
    assert!(code == 0 && out.contains("added   Wiki: ") && out.contains("secret  Wiki.TOKEN"), "{out}{err}");
}
