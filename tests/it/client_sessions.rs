//! Sessions of official clients outlive a restart of Ostler: none of them begins another by itself.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::support::{
    real::{judges, python_servers},
    *,
};

/// A client of an SDK, spoken to line by line.
struct Client {
    name: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Client {
    fn start(name: &'static str, mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { name, child, input, output }
    }

    #[track_caller]
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{}: {line:?}", self.name))
    }

    #[track_caller]
    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        writeln!(self.input.as_ref().unwrap(), "{}", json!({"name": tool, "arguments": arguments})).unwrap();
        self.hear()
    }

    #[track_caller]
    fn finish(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success(), "{}", self.name);
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// Every official client, in a session with `/mcp`.
fn clients(user: &Caller) -> Option<Vec<Client>> {
    let (url, token) = (format!("http://{}/mcp", user.address), user.token.clone());
    let mut clients = Vec::new();
    for (name, environment) in [("Python, version 1", "legacy"), ("Python, version 2", "modern")] {
        let mut command = Command::new(python_servers(environment)?.join("python"));
        command.arg(script("session.py")).arg(json!({"url": url, "token": token}).to_string());
        clients.push(Client::start(name, command));
    }
    let judges = judges()?;
    for (name, version) in [("TypeScript, version 1", 1), ("TypeScript, version 2", 2)] {
        let mut command = Command::new(&judges.node);
        let told = json!({"version": version, "url": url, "token": token}).to_string();
        command.arg(script("session.mjs")).arg(&judges.folder).arg(told);
        clients.push(Client::start(name, command));
    }
    Some(clients)
}

#[test]
fn every_official_client_calls_after_a_restart_of_ostler() {
    let mut ostler = Ostler::spawn();
    ostler.setup.environment.insert("OSTLER_PORT".into(), ostler.address.port().to_string());
    let server = ostler.admin().running(fake("ok").named("one").enabled());
    let Some(mut clients) = clients(&server.caller) else { return };
    for client in &mut clients {
        assert!(client.hear().to_string().contains("one__echo"), "{}", client.name);
    }
    ostler.kill();
    ostler.start_again();
    for client in &mut clients {
        assert_eq!(client.call("one__echo", json!({"message": "hay"})), "hay", "{}", client.name);
    }
    clients.into_iter().for_each(Client::finish);
}
