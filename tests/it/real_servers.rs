//! Real MCP servers from npm and PyPI do through Ostler what they do without.

mod ends;
mod eras;
mod habits;

use std::{path::Path, process::Command};

use crate::support::{
    self,
    real::{has_program, node_servers, python_servers},
    *,
};

/// An address on this machine at which nothing listens: no server asks the network.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Registers, starts, lists, calls, stops: the story every real server has to go through.
fn works(spec: Spec, tool: &str, parameters: Value, expected: &str) -> Ostler {
    let ostler = Ostler::spawn();
    works_in(&ostler, spec, tool, parameters, expected);
    ostler
}

fn works_in(ostler: &Ostler, spec: Spec, tool: &str, parameters: Value, expected: &str) {
    let server = ostler.admin().running(spec);
    assert!(server.tool_names().contains(&tool.to_owned()));
    let answer = server.call(tool, parameters).is(200);
    assert!(answer.at("/result").to_string().contains(expected), "{answer:?}");
    server.logs().has("/items/0/toolName", tool).has("/items/0/success", true);
    server.stop().is(200).has("/runtimeStatus/status", "stopped");
    ostler.leaves_nothing();
}

fn node(folder: &Path, name: &str, more: &[&str]) -> Spec {
    let script = folder.join(format!("node_modules/@modelcontextprotocol/{name}/dist/index.js"));
    let arguments: Vec<_> = std::iter::once(script.to_str().unwrap()).chain(more.iter().copied()).collect();
    Spec::new("node", json!(arguments))
}

fn python(folder: &Path, name: &str, arguments: &[&str]) -> Spec {
    Spec::new(folder.join(name).to_str().unwrap(), json!(arguments))
}

#[test]
fn the_everything_server_works() {
    let Some(folder) = node_servers() else { return };
    works(node(&folder, "server-everything", &["stdio"]), "echo", json!({"message": "hi"}), "Echo: hi");
}

#[test]
fn the_filesystem_server_works_and_survives_a_kill() {
    let Some(folder) = node_servers() else { return };
    let ostler = Ostler::spawn();
    let files = ostler.setup.servers_dir().canonicalize().unwrap().join("files");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("note.txt"), "what the note says").unwrap();
    let note = files.join("note.txt");
    let spec = node(&folder, "server-filesystem", &[files.to_str().unwrap()]);
    let server = ostler.admin().running(spec);
    let read = || server.call("read_text_file", json!({"path": note.to_str().unwrap()}));
    assert_eq!(read().is(200).said(), "what the note says");
    let pid = server.pid();
    support::processes::kill(pid);
    assert_eq!(read().is(200).said(), "what the note says");
    let outside = server.call("read_text_file", json!({"path": "/etc/hostname"})).problem(400, "tool_execution_failed");
    assert!(outside.text().contains("denied"), "{outside:?}");
    server.stop().is(200);
    ostler.leaves_nothing();
}

#[test]
fn the_memory_server_works() {
    let Some(folder) = node_servers() else { return };
    let ostler = Ostler::spawn();
    let file = ostler.setup.servers_dir().join("memory.jsonl");
    let spec = node(&folder, "server-memory", &[]).env("MEMORY_FILE_PATH", file.to_str().unwrap()).uncontained();
    works_in(&ostler, spec, "read_graph", json!({}), "entities");
}

#[test]
fn a_server_behind_npx_works_and_leaves_nothing() {
    let Some(folder) = node_servers() else { return };
    let Some(()) = has_program("npx") else { return };
    let arguments = ["--no", "--prefix", folder.to_str().unwrap(), "mcp-server-everything", "stdio"];
    works(Spec::new("npx", json!(arguments)), "echo", json!({"message": "hi"}), "Echo: hi");
}

#[test]
fn a_server_behind_npx_is_gone_after_a_kill_of_ostler() {
    let Some(folder) = node_servers() else { return };
    let Some(()) = has_program("npx") else { return };
    let arguments = ["--no", "--prefix", folder.to_str().unwrap(), "mcp-server-everything", "stdio"];
    let mut ostler = Ostler::spawn();
    ostler.admin().running(Spec::new("npx", json!(arguments)));
    assert!(ostler.processes().len() >= 3, "npx, a shell or guard, node: {:?}", ostler.processes());
    ostler.kill();
    ostler.leaves_nothing();
}

#[test]
fn the_time_server_works_in_the_newer_era() {
    let Some(folder) = python_servers("modern") else { return };
    let ostler = Ostler::spawn();
    let spec = python(&folder, "mcp-server-time", &["--local-timezone", "UTC"]);
    let server = ostler.admin().running(spec);
    server.details().has("/runtimeStatus/protocolVersion", "2026-07-28");
    let answer = server.call("get_current_time", json!({"timezone": "UTC"})).is(200);
    assert!(answer.said().contains("UTC"), "{answer:?}");
    server.stop().is(200);
    ostler.leaves_nothing();
}

#[test]
fn the_git_server_works() {
    let Some(folder) = python_servers("modern") else { return };
    let Some(()) = has_program("git") else { return };
    let ostler = Ostler::spawn();
    let repository = ostler.setup.servers_dir().canonicalize().unwrap().join("repository");
    let made = Command::new("git").args(["init", "--quiet"]).arg(&repository).status().unwrap();
    assert!(made.success());
    let path = repository.to_str().unwrap();
    let spec = python(&folder, "mcp-server-git", &["--repository", path]);
    works_in(&ostler, spec, "git_status", json!({"repo_path": path}), "Repository status");
}

#[test]
fn the_sqlite_server_works_with_the_library_it_was_written_for() {
    let Some(folder) = python_servers("legacy") else { return };
    let ostler = Ostler::spawn();
    let file = ostler.setup.servers_dir().canonicalize().unwrap().join("some.db");
    let spec = python(&folder, "mcp-server-sqlite", &["--db-path", file.to_str().unwrap()]).uncontained();
    works_in(&ostler, spec, "list_tables", json!({}), "[]");
}
