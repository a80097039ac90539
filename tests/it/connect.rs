//! `ostler connect`: the same servers for clients that only start programs, and plain words where that cannot be.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::support::{setup::PROGRAM, *};

/// A running `ostler connect`, spoken to line by line.
struct Connected {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

fn command(caller: &Caller, more: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["connect", "--url", &format!("http://{}", caller.address)]).args(more).env_clear();
    command.env("OSTLER_API_KEY", caller.token.as_deref().unwrap_or_default());
    command
}

impl Connected {
    fn start(caller: &Caller, more: &[&str]) -> Self {
        let mut command = command(caller, more);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn say(&mut self, message: &str) {
        writeln!(self.input.as_ref().unwrap(), "{message}").unwrap();
    }

    /// The next line, as JSON.
    fn hear(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// The next line that is an answer.
    fn answer(&mut self) -> Value {
        std::iter::from_fn(|| Some(self.hear())).find(|heard| heard["id"] != Value::Null).unwrap()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Ends the input; answers the exit code and what was still written.
    fn finish(mut self) -> (Option<i32>, String) {
        drop(self.input.take());
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.output, &mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

#[test]
fn a_client_of_the_older_era_has_a_session_over_pipes() {
    let ostler = Ostler::spawn();
    ostler.admin().running(fake("ok").named("one"));
    let mut client = Connected::start(&ostler.admin(), &["--server", "one"]);
    client.say(INITIALIZE);
    assert_eq!(client.hear()["result"]["serverInfo"]["name"], "hostile");
    client.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    client.say(r#"{"jsonrpc":"2.0","id":"é","method":"tools/call","params":{"name":"echo","arguments":{"message":"hi","n":9007199254740993}}}"#);
    let answer = client.line();
    assert!(answer.contains(r#""structuredContent":{"message":"hi","n":9007199254740993}"#), "{answer}");
    assert!(answer.contains(r#""id":"é""#), "{answer}");
    assert_eq!(client.finish(), (Some(0), String::new()));
}

#[test]
fn a_client_of_the_newer_era_needs_no_session_over_pipes() {
    let ostler = Ostler::spawn();
    ostler.admin().running(fake("ok").named("one"));
    let mut client = Connected::start(&ostler.admin(), &[]);
    client.say(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{{{META}}}}}"#));
    assert_eq!(client.hear()["result"]["supportedVersions"], json!(["2026-07-28"]));
    let call = r#""name":"one__echo","arguments":{"message":"hi","ms":200}"#;
    client.say(&format!(r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{{call},{META}}}}}"#));
    // The input ends first: what was asked is answered all the same.
    let (code, rest) = client.finish();
    assert_eq!(code, Some(0));
    assert!(rest.contains(r#""id":2"#) && rest.contains(r#""text":"hi""#), "{rest}");
}

#[test]
fn what_stands_in_the_way_is_said_in_plain_words() {
    let ostler = Ostler::spawn();
    ostler.admin().register(fake("ok").named("files"));
    let says = |caller: &Caller, more: &[&str], code: i32, words: &[&str]| {
        let ran = command(caller, more).stdin(Stdio::null()).output().unwrap();
        let error = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(code), "{error}");
        assert!(words.iter().all(|word| error.contains(word)) && error.lines().count() == 1, "{error}");
    };
    says(&ostler.anonymous(), &[], 64, &["OSTLER_API_KEY", "POST /api/auth/keys"]);
    says(&ostler.anonymous().with_token("ostler_wrong"), &[], 1, &["does not know the key"]);
    says(&ostler.admin(), &["--server", "fils"], 1, &["no server \"fils\"", "files"]);
    let mut nobody = ostler.admin();
    nobody.address.set_port(9);
    says(&nobody, &[], 1, &["cannot reach Ostler at http://127.0.0.1:9", "ostler serve", "--url"]);
}

/// Begins a session.
fn greet(client: &mut Connected) {
    client.say(INITIALIZE);
    client.hear();
    client.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    client.say(r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#);
    assert_eq!(client.answer()["id"], 2);
}

#[test]
fn a_client_calls_on_while_ostler_is_away_and_is_answered_when_it_is_back() {
    let mut ostler = Ostler::spawn();
    ostler.setup.environment.insert("OSTLER_PORT".into(), ostler.address.port().to_string());
    let server = ostler.admin().running(fake("ok").named("one").enabled());
    let mut clients = [&[][..], &["--server", "one"]].map(|more| Connected::start(&server.caller, more));
    let [all, one] = &mut clients;
    greet(all);
    greet(one);
    one.say(r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"hang","arguments":{"mark":"once"}}}"#);
    eventually("the server works on it", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
    ostler.kill();
    // What may have been done is not done twice.
    let answer = one.answer();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(3), &json!(502)), "{answer}");
    all.say(
        r#"{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"one__echo","arguments":{"message":"a"}}}"#,
    );
    one.say(r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"echo","arguments":{"message":"b"}}}"#);
    one.say(&format!(r#"{{"jsonrpc":"2.0","id":6,"method":"server/discover","params":{{{META}}}}}"#));
    ostler.start_again();
    assert_eq!(all.answer()["result"]["content"][0]["text"], "a");
    let mut ids = [one.answer()["id"].as_u64(), one.answer()["id"].as_u64()];
    ids.sort_unstable();
    assert_eq!(ids, [Some(5), Some(6)]);
    clients.into_iter().for_each(|client| assert_eq!(client.finish().0, Some(0)));
}

#[test]
fn a_session_that_has_ended_is_begun_again_and_its_lists_may_have_changed() {
    let ostler = Ostler::spawn();
    let user = ostler.user("executor");
    let mut client = Connected::start(&user.make_key(&["mcp:read", "mcp:execute"]), &[]);
    greet(&mut client);
    let path = format!("/api/auth/users/{}", user.id);
    ostler.admin().put(&path, json!({"disabled": true})).is(200);
    ostler.admin().put(&path, json!({"disabled": false})).is(200);
    client.say(r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#);
    let before: Vec<_> = std::iter::from_fn(|| Some(client.hear())).take_while(|heard| heard["id"] != 3).collect();
    let changed = |list: &str| json!({"jsonrpc": "2.0", "method": format!("notifications/{list}/list_changed")});
    assert!(["tools", "prompts", "resources"].map(changed).iter().all(|one| before.contains(one)), "{before:?}");
    client.say(r#"{"jsonrpc":"2.0","id":4,"method":"ping"}"#);
    assert_eq!(client.answer(), json!({"jsonrpc": "2.0", "id": 4, "result": {}}));
    assert_eq!(client.finish().0, Some(0));
}
