//! `ostler demo-server`: calls that wait do not hold up others, and can be cancelled.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

struct Demo {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Demo {
    /// A demo server after its handshake.
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ostler"));
        command.arg("demo-server").env_clear().env("GREETING", "hello").stderr(Stdio::null());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut demo = Self { child, input, output };
        demo.send("initialize", 0, &json!({"protocolVersion": "2025-06-18"}));
        assert_eq!(demo.receive()["result"]["protocolVersion"], "2025-06-18");
        demo
    }

    fn send(&mut self, method: &str, id: u64, params: &Value) {
        writeln!(self.input, "{}", json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).unwrap();
    }

    fn call(&mut self, id: u64, tool: &str, arguments: &Value) {
        self.send("tools/call", id, &json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": id}}));
    }

    fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Ends it, and gives its exit code.
    fn exited(mut self) -> Option<i32> {
        drop(self.input);
        self.child.wait().unwrap().code()
    }
}

#[test]
fn a_call_that_waits_does_not_hold_up_another() {
    let mut demo = Demo::start();
    demo.send("tools/call", 1, &json!({"name": "sleep", "arguments": {"ms": 200}}));
    demo.call(2, "echo", &json!({"text": "first"}));
    assert_eq!(demo.receive()["id"], 2);
    assert_eq!(demo.receive()["id"], 1);
    assert_eq!(demo.exited(), Some(0));
}

#[test]
fn progress_is_reported_to_whoever_asks_for_it() {
    let mut demo = Demo::start();
    demo.call(5, "sleep", &json!({"ms": 20}));
    for step in 1..=10 {
        let params = demo.receive()["params"].clone();
        assert_eq!(params, json!({"progressToken": 5, "progress": step, "total": 10}));
    }
    assert_eq!(demo.receive()["id"], 5);
}

#[test]
fn a_cancelled_call_is_not_answered() {
    let mut demo = Demo::start();
    demo.send("tools/call", 1, &json!({"name": "sleep", "arguments": {"ms": 60_000}}));
    demo.send("tools/call", 2, &json!({"name": "sleep", "arguments": {"ms": 300}}));
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}});
    writeln!(demo.input, "{cancelled}").unwrap();
    demo.send("tools/call", 3, &json!({"name": "sleep", "arguments": {"ms": 600}}));
    assert_eq!(demo.receive()["id"], 3);
    assert_eq!(demo.exited(), Some(0), "what still waits does not keep it");
}

#[test]
fn it_shows_its_process_and_environment_and_crashes_as_told() {
    let mut demo = Demo::start();
    demo.call(1, "pid", &json!({}));
    assert_eq!(demo.receive()["result"]["content"][0]["text"], demo.child.id().to_string());
    demo.call(2, "env", &json!({"name": "GREETING"}));
    assert_eq!(demo.receive()["result"]["content"][0]["text"], "hello");
    demo.call(3, "env", &json!({"name": "HOME"}));
    assert_eq!(demo.receive()["result"]["isError"], true);
    demo.call(4, "crash", &json!({"code": 3}));
    assert_eq!(demo.exited(), Some(3));
}

#[test]
fn a_burst_of_calls_is_answered_whole() {
    let mut demo = Demo::start();
    let text = "x".repeat(100);
    for id in 1..=300 {
        demo.call(id, "echo", &json!({"text": text}));
    }
    let ids: Vec<_> = (1..=300).map(|_| demo.receive()["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=300).collect::<Vec<_>>());
}
