//! The official clients, unmodified, use every server through every door: `/mcp`, `/mcp/{id}` and `ostler connect`.

use std::process::Command;

use crate::support::{
    self,
    real::{Judges, has_program, judges, node_servers, python_servers},
    setup::PROGRAM,
    *,
};

/// An Ostler with four real servers, and programs that use it.
struct Scene {
    ostler: Ostler,
    servers: Vec<(&'static str, Server)>,
    judges: Judges,
    python: std::path::PathBuf,
    user: Caller,
    repository: String,
    note: String,
}

impl Scene {
    fn set() -> Option<Self> {
        let (judges, node, python) = (judges()?, node_servers()?, python_servers("modern")?);
        has_program("git")?;
        let ostler = Ostler::spawn();
        let home = ostler.setup.servers_dir().canonicalize().unwrap();
        let (files, repository) = (home.join("files"), home.join("repository"));
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(files.join("note.txt"), "what the note says").unwrap();
        assert!(Command::new("git").args(["init", "--quiet"]).arg(&repository).status().unwrap().success());
        let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        let script = |name: &str| text(&node.join(format!("node_modules/@modelcontextprotocol/{name}/dist/index.js")));
        let program = |name: &str| text(&python.join(name));
        let specs = [
            // Who has a process of their own can be asked things.
            ("everything", Spec::new("node", json!([script("server-everything"), "stdio"])), "per-session"),
            ("filesystem", Spec::new("node", json!([script("server-filesystem"), text(&files)])), "shared"),
            ("time", Spec::new(&program("mcp-server-time"), json!(["--local-timezone", "UTC"])), "shared"),
            ("git", Spec::new(&program("mcp-server-git"), json!(["--repository", text(&repository)])), "shared"),
        ];
        let admin = ostler.admin();
        let servers = support::together(specs.len(), |index| {
            let (name, spec, isolation) = specs[index].clone();
            let spec = spec.named(name).set("isolation", json!(isolation));
            // To clients with capabilities the first lists more tools.
            (name, admin.running(spec.set("tools", json!({"changes": "follow"}))))
        });
        let (repository, note) = (text(&repository), text(&files.join("note.txt")));
        Some(Self { ostler, servers, judges, python, user: admin, repository, note })
    }

    /// A call of each server, and what its answer holds.
    fn calls(&self) -> [(&'static str, &'static str, Value, &'static str); 4] {
        [
            ("everything", "echo", json!({"message": "hi"}), "Echo: hi"),
            ("filesystem", "read_text_file", json!({"path": self.note}), "what the note says"),
            ("time", "get_current_time", json!({"timezone": "UTC"}), "UTC"),
            ("git", "git_status", json!({"repo_path": self.repository}), "Repository status"),
        ]
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.user.address)
    }

    /// A key for one program, as each should have: what a server asks goes to whoever has its process, and where there
    /// are no sessions, that is a key.
    fn key(&self) -> String {
        self.user.make_key(&["mcp:read", "mcp:execute"]).token.unwrap()
    }

    /// The command line that stands in for a server of its own.
    fn connect(&self, token: &str, more: &[&str]) -> (Vec<String>, Value) {
        let url = self.url("");
        let arguments = ["connect", "--url", &url].into_iter().chain(more.iter().copied());
        let environment = json!({"OSTLER_API_KEY": token, "TEST_TAG": self.ostler.setup.tag});
        (arguments.map(str::to_owned).collect(), environment)
    }

    /// Every door, with what is called through it and expected of it.
    fn targets(&self, token: &str) -> (Vec<Value>, Vec<Vec<&'static str>>) {
        let (mut targets, mut expected) = (Vec::new(), Vec::new());
        let calls = self.calls();
        let all: Vec<_> =
            calls.iter().map(|(server, tool, arguments, _)| json!([format!("{server}__{tool}"), arguments])).collect();
        let answers: Vec<_> = calls.iter().map(|(.., expected)| *expected).collect();
        targets.push(json!({"url": self.url("/mcp"), "token": token, "calls": all}));
        let (args, env) = self.connect(token, &[]);
        targets.push(json!({"command": PROGRAM, "args": args, "env": env, "calls": all}));
        expected.extend([answers.clone(), answers]);
        for ((_, server), (_, tool, arguments, answer)) in self.servers.iter().zip(&calls) {
            let url = self.url(&format!("/mcp/{}", server.id));
            targets.push(json!({"url": url, "token": token, "calls": [[tool, arguments]]}));
            expected.push(vec![*answer]);
        }
        let (args, env) = self.connect(token, &["--server", "time"]);
        targets.push(json!({"command": PROGRAM, "args": args, "env": env, "calls": [[calls[2].1, calls[2].2]]}));
        expected.push(vec![calls[2].3]);
        (targets, expected)
    }

    /// The server that asks, through both doors.
    fn asking(&self, token: &str) -> (Vec<Value>, Vec<Vec<&'static str>>) {
        let url = self.url(&format!("/mcp/{}", self.servers[0].1.id));
        let one = json!({"url": url, "token": token, "asked": true, "calls": [["trigger-elicitation-request", {}]]});
        let calls = json!([["everything__trigger-elicitation-request", {}]]);
        let all = json!({"url": self.url("/mcp"), "token": token, "asked": true, "calls": calls});
        (vec![one, all], vec![vec!["Name: Ada"]; 2])
    }

    /// Runs a client of ours on targets, and claims what it saw.
    fn run(&self, client: &str, mode: &str, (targets, expected): (Vec<Value>, Vec<Vec<&str>>)) {
        let told = json!({"mode": mode, "targets": targets}).to_string();
        let script = format!("{}/tests/clients/{client}", env!("CARGO_MANIFEST_DIR"));
        let mut command = match client {
            "python-v1.py" => Command::new(python_servers("legacy").unwrap().join("python")),
            "python.py" => Command::new(self.python.join("python")),
            _ => Command::new(&self.judges.node),
        };
        command.arg(script);
        if client.ends_with(".mjs") {
            command.arg(&self.judges.folder);
        }
        let said = command.arg(told).output().unwrap();
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{client} in mode {mode}:\n{errors}\n\n{}", self.ostler.errors());
        let seen: Vec<Value> = serde_json::from_slice(&said.stdout).unwrap();
        for ((seen, expected), target) in seen.iter().zip(&expected).zip(&targets) {
            for ((text, expected), call) in seen["texts"].as_array().unwrap().iter().zip(expected).zip(0..) {
                assert!(
                    text.to_string().contains(expected),
                    "{client} in mode {mode}, call {call} of {target}: {seen}"
                );
            }
            let listed = seen["tools"].as_array().unwrap();
            let called = target["calls"].as_array().unwrap().iter().map(|call| &call[0]);
            assert!(called.clone().all(|tool| listed.contains(tool)), "{client} in mode {mode}: {listed:?}");
        }
        assert_eq!(seen.len(), expected.len());
    }

    fn inspect(&self, era: &str, target: &[&str], expected: &str) {
        let inspector = self.judges.folder.join("node_modules/.bin/mcp-inspector");
        let mut command = Command::new(&self.judges.node);
        command.arg(inspector).args(["--cli", "--protocol-era", era, "--format", "json", "-q"]).args(target);
        command.env("HOME", &self.ostler.setup.home);
        let said = command.output().unwrap();
        let (out, errors) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(out.contains(expected), "Inspector in era {era}, {target:?}: {out}{errors}");
        assert!(said.status.success(), "Inspector in era {era}, {target:?}: {errors}");
    }
}

const CLIENTS: [(&str, &str); 7] = [
    ("python.py", "auto"),
    ("python.py", "legacy"),
    ("python.py", "2026-07-28"),
    ("typescript-v1.mjs", "legacy"),
    ("typescript-v2.mjs", "auto"),
    ("typescript-v2.mjs", "legacy"),
    ("typescript-v2.mjs", "2026-07-28"),
];

#[test]
fn every_official_client_uses_every_server_through_every_door() {
    let Some(scene) = Scene::set() else { return };
    support::together(CLIENTS.len(), |index| {
        let (client, mode) = CLIENTS[index];
        let key = scene.key();
        scene.run(client, mode, scene.targets(&key));
        if client != "typescript-v1.mjs" {
            scene.run(client, mode, scene.asking(&key));
        }
    });
}

#[test]
fn malformed_lists_of_one_server_hide_no_other_server_from_any_official_client() {
    let (Some(judges), Some(python)) = (judges(), python_servers("modern")) else { return };
    let ostler = Ostler::spawn();
    let user = ostler.admin();
    user.running(fake_with("malformed", &["offers"]).named("malformed"));
    user.running(fake("ok").named("good"));
    let (servers, repository, note) = Default::default();
    let scene = Scene { ostler, servers, judges, python, user, repository, note };
    support::together(CLIENTS.len() + 1, |index| {
        let (client, mode) = CLIENTS.get(index).copied().unwrap_or(("python-v1.py", "legacy"));
        let calls = json!([["good__echo", {"message": "hi"}], ["malformed__echo", {"message": "ho"}]]);
        let target = json!({"url": scene.url("/mcp"), "token": scene.key(), "lists": true, "calls": calls});
        scene.run(client, mode, (vec![target], vec![vec!["hi", "ho"]]));
    });
}

#[test]
fn the_inspector_uses_every_server_through_every_door_in_every_era() {
    let Some(scene) = Scene::set() else { return };
    let token = scene.key();
    let (key, environment) = (format!("Authorization: Bearer {token}"), format!("OSTLER_API_KEY={token}"));
    let (connect, _) = scene.connect(&token, &[]);
    let connect: Vec<_> = std::iter::once(PROGRAM).chain(connect.iter().map(String::as_str)).collect();
    support::together(3, |index| {
        let era = ["legacy", "auto", "modern"][index];
        for ((_, server), (name, tool, arguments, expected)) in scene.servers.iter().zip(scene.calls()) {
            let (one, all) = (scene.url(&format!("/mcp/{}", server.id)), scene.url("/mcp"));
            let (prefixed, arguments) = (format!("{name}__{tool}"), arguments.to_string());
            let call = |tool| ["--method", "tools/call", "--tool-name", tool, "--tool-args-json", &arguments];
            let http = |url, tool| [&[url, "--transport", "http", "--header", &key][..], &call(tool)].concat();
            scene.inspect(era, &http(&one, tool), expected);
            scene.inspect(era, &http(&all, &prefixed), expected);
            let pipes = [&["-e", &environment][..], &call(&prefixed), &["--"], &connect].concat();
            scene.inspect(era, &pipes, expected);
        }
        let list = [&scene.url("/mcp"), "--transport", "http", "--header", &key, "--method", "tools/list"];
        scene.inspect(era, &list, "everything__echo");
    });
}
