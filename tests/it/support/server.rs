//! Servers to register, and servers that are.

use std::{collections::HashMap, path::PathBuf};

use serde_json::{Value, json};

use super::{Answer, Caller, eventually, setup::PROGRAM};

/// A server to register.
#[derive(Clone, Debug)]
pub struct Spec {
    pub body: Value,
}

/// The fake in one of its modes.
pub fn fake(mode: &str) -> Spec {
    fake_with(mode, &[])
}

/// The fake in one of its modes, told more.
pub fn fake_with(mode: &str, arguments: &[&str]) -> Spec {
    let arguments: Vec<_> = std::iter::once(&mode).chain(arguments).collect();
    Spec::new(hostile_server().to_str().unwrap(), json!(arguments))
}

/// The fake's program, which `cargo test` builds as an example beside the one under test.
pub fn hostile_server() -> PathBuf {
    built_example("hostile_server")
}

/// An example that cargo built in the same profile.
pub fn built_example(name: &str) -> PathBuf {
    let path = PathBuf::from(PROGRAM).with_file_name("examples").join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --examples` first", path.display());
    path
}

impl Spec {
    pub fn new(command: &str, args: Value) -> Self {
        Self { body: json!({"name": "subject", "command": command, "args": args, "env": {}, "enabled": false}) }
    }

    pub fn named(self, name: &str) -> Self {
        self.set("name", json!(name))
    }

    pub fn enabled(self) -> Self {
        self.set("enabled", json!(true))
    }

    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.body["env"][key] = json!(value);
        self
    }

    /// Not contained: for tests of something else, whose server writes where the test reads.
    pub fn uncontained(self) -> Self {
        self.set("sandbox", json!({"level": "none"}))
    }

    /// Any field, right or wrong.
    pub fn set(mut self, field: &str, value: Value) -> Self {
        self.body[field] = value;
        self
    }
}

impl Caller {
    /// Tries to register a server.
    #[track_caller]
    pub fn try_register(&self, spec: Spec) -> Answer {
        let spec = spec.env("TEST_TAG", &self.tag);
        self.post("/api/mcp", spec.body)
    }

    /// Registers a server.
    #[track_caller]
    pub fn register(&self, spec: Spec) -> Server {
        let answer = self.try_register(spec).is(201);
        let id = answer.json.pointer("/id").or_else(|| answer.json.pointer("/server/id"));
        let id = id.and_then(Value::as_str).unwrap_or_else(|| panic!("no id in {answer:?}"));
        self.server(id)
    }

    /// Registers a server and starts it.
    #[track_caller]
    pub fn running(&self, spec: Spec) -> Server {
        let server = self.register(spec);
        server.start().is(200).has("/runtimeStatus/status", "running");
        server
    }

    /// A server that is registered already, as this caller sees it.
    pub fn server(&self, id: &str) -> Server {
        Server { id: id.into(), caller: self.clone() }
    }
}

/// A registered server, as one caller sees it.
#[derive(Clone, Debug)]
pub struct Server {
    pub id: String,
    pub caller: Caller,
}

impl Server {
    /// The path of something of this server, such as `/start`.
    pub fn path(&self, rest: &str) -> String {
        format!("/api/mcp/{}{rest}", self.id)
    }

    /// The same server as somebody else sees it.
    pub fn seen_by(&self, caller: &Caller) -> Self {
        caller.server(&self.id)
    }

    #[track_caller]
    pub fn details(&self) -> Answer {
        self.caller.get(&self.path(""))
    }

    #[track_caller]
    pub fn start(&self) -> Answer {
        self.caller.press(&self.path("/start"))
    }

    #[track_caller]
    pub fn stop(&self) -> Answer {
        self.caller.press(&self.path("/stop"))
    }

    #[track_caller]
    pub fn restart(&self) -> Answer {
        self.caller.press(&self.path("/restart"))
    }

    #[track_caller]
    pub fn remove(&self) -> Answer {
        self.caller.delete(&self.path(""))
    }

    #[track_caller]
    pub fn change(&self, change: Value) -> Answer {
        self.caller.put(&self.path(""), change)
    }

    /// Calls a tool.
    #[track_caller]
    pub fn call(&self, tool: &str, parameters: Value) -> Answer {
        self.call_within(tool, parameters, 30_000)
    }

    /// Calls a tool with a deadline in milliseconds.
    #[track_caller]
    pub fn call_within(&self, tool: &str, parameters: Value, timeout: u64) -> Answer {
        let body = json!({"toolName": tool, "parameters": parameters, "timeoutMs": timeout});
        self.caller.post(&self.path("/execute"), body)
    }

    #[track_caller]
    pub fn tools(&self) -> Answer {
        self.caller.get(&self.path("/tools"))
    }

    /// The names of its tools.
    #[track_caller]
    pub fn tool_names(&self) -> Vec<String> {
        let answer = self.tools().is(200);
        let list = ["/tools", "/items"].iter().find_map(|place| answer.json.pointer(place));
        let list = list.unwrap_or(&answer.json).as_array().unwrap_or_else(|| panic!("no list of tools: {answer:?}"));
        list.iter().map(|tool| tool["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Its tool calls on record, newest first.
    #[track_caller]
    pub fn logs(&self) -> Answer {
        self.caller.get(&self.path("/logs?limit=100")).is(200)
    }

    /// The ids of all its calls on record, and how often each is there.
    #[track_caller]
    pub fn calls_on_record(&self) -> HashMap<String, usize> {
        let mut seen = HashMap::new();
        let mut cursor = String::new();
        loop {
            let page = self.caller.get(&self.path(&format!("/logs?limit=100{cursor}"))).is(200);
            for call in page.list("/items") {
                *seen.entry(call["id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
            }
            let Some(next) = page.at("/nextCursor").as_str() else { return seen };
            cursor = format!("&cursor={next}");
        }
    }

    /// What it wrote on standard error, as one text.
    #[track_caller]
    pub fn output(&self) -> String {
        self.caller.get(&self.path("/output")).is(200).text()
    }

    /// `runtimeStatus.status`.
    #[track_caller]
    pub fn status(&self) -> String {
        self.details().is(200).string("/runtimeStatus/status")
    }

    /// `healthStatus`.
    #[track_caller]
    pub fn health(&self) -> String {
        self.details().is(200).string("/server/healthStatus")
    }

    /// The process id of a server that runs.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        let pid = self.details().is(200).number("/runtimeStatus/pid") as u32;
        assert_ne!(pid, 0, "a server that runs has a process id");
        pid
    }

    /// Waits for a status.
    #[track_caller]
    pub fn becomes(&self, status: &str) {
        eventually(&format!("the server is {status}"), || (self.status() == status).then_some(()));
    }

    /// Waits for a health status.
    #[track_caller]
    pub fn becomes_healthwise(&self, health: &str) {
        eventually(&format!("the server is {health}"), || (self.health() == health).then_some(()));
    }
}
