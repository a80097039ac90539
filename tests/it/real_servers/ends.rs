//! Published servers that cannot come up here: left down at the second try, with the remedy.

use super::*;

/// Fails to start, and is not tried a third time: the same words twice are final.
#[track_caller]
fn stays_down(ostler: &Ostler, spec: Spec, words: &str, remedy: &str) {
    let server = ostler.admin().register(spec);
    let answer = server.start().problem(500, "spawn_failed");
    assert!(answer.text().contains(words), "{answer:?}");
    within(seconds(60), "it is left down for good", || {
        let state = server.details().at("/runtimeStatus").clone();
        (state["status"] == "failed" && state["nextAttemptAt"].is_null()).then_some(())
    });
    let details = server.details().has("/runtimeStatus/restarts", 1).has("/server/healthStatus", "ERROR");
    let reason = details.string("/runtimeStatus/lastExit/reason");
    assert_eq!(reason, format!("exited with code 1 before it was ready; {remedy}"));
    ostler.leaves_nothing();
}

#[test]
fn the_brave_search_server_names_the_variable_it_wants() {
    let Some(folder) = node_servers() else { return };
    let spec = node(&folder, "server-brave-search", &[]);
    let remedy = "it wants the variable BRAVE_API_KEY: add it to `env`";
    stays_down(&Ostler::spawn(), spec, "BRAVE_API_KEY environment variable is required", remedy);
}

#[test]
fn lsmcp_wants_a_newer_node() {
    let Some(folder) = node_servers() else { return };
    let script = folder.join("node_modules/@mizchi/lsmcp/dist/lsmcp.js");
    let mut arguments = vec![script.to_str().unwrap()];
    // A Node that has the module is made one that has not.
    let without = "--no-experimental-sqlite";
    let knows = Command::new("node").args([without, "--version"]).output().unwrap();
    if knows.status.success() {
        arguments.insert(0, without);
    }
    let remedy = "it needs another version of Node.js than the one that runs it";
    stays_down(&Ostler::spawn(), Spec::new("node", json!(arguments)), "No such built-in module: node:sqlite", remedy);
}

#[test]
fn servers_for_the_first_sdk_say_so_with_the_second() {
    let Some(folder) = python_servers("modern") else { return };
    let ostler = Ostler::spawn();
    let remedy = "it needs the package `mcp` below version 2: pin \"mcp<2\", as by `uvx --with \"mcp<2\" …`";
    stays_down(&ostler, python(&folder, "mcp-server-shell", &[]), "cannot import name 'McpError'", remedy);
    let file = ostler.setup.servers_dir().join("some.db");
    let sqlite = python(&folder, "mcp-server-sqlite", &["--db-path", file.to_str().unwrap()]).uncontained();
    stays_down(&ostler, sqlite, "AttributeError", remedy);
}
