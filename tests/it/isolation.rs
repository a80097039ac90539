//! Processes that one user or one session has for itself.

use std::sync::Arc;

use ostler::{
    Runtime,
    actix::{self, System},
    calls::{CallRequest, ClientRequest, ServerResponse},
    error::Error,
    mcp::{McpClient, Request},
    model::{Isolation, Principal, ServerConfig, ServerId},
    serde_json::{json, value::RawValue},
    supervisor::messages::{RequestEvent, RequestSubscriber},
};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::support::{
    Answer, Caller, Ostler, Server, Spec, Value, eventually, fake, folder::Folder, http, processes,
    server::hostile_server, until,
};

const EVERYBODY: &[&str] = &["mcp:read", "mcp:write", "mcp:execute"];

fn isolated(mode: &str, isolation: &str) -> Spec {
    fake(mode).set("isolation", json!(isolation))
}

/// The process that answers somebody.
#[track_caller]
fn process(answer: Answer) -> u32 {
    answer.is(200).said().parse().unwrap()
}

#[track_caller]
fn shared_with(ostler: &Ostler, server: &Server, name: &str) -> Caller {
    let user = ostler.admin().make_user(name, "developer");
    let share = json!({"userId": user.id, "permissions": EVERYBODY});
    server.caller.post(&server.path("/shares"), share).any_of(&[200, 201]);
    user
}

fn count(ostler: &Ostler) -> usize {
    ostler.processes().into_iter().filter(|process| process.command.contains("hostile_server")).count()
}

#[test]
fn per_user_two_users_have_two_processes_and_the_keys_of_one_share_theirs() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(isolated("ok", "per-user"));
    let (ada, bob) = (shared_with(&ostler, &server, "ada"), shared_with(&ostler, &server, "bob"));
    let pid_for = |caller: &Caller| process(server.seen_by(caller).call("pid", json!({})));
    let (of_ada, of_bob) = (pid_for(&ada), pid_for(&bob));
    assert_ne!(of_ada, of_bob);
    assert_eq!(pid_for(&ada.make_key(EVERYBODY)), of_ada);
    assert_eq!(pid_for(&bob), of_bob);
    assert!(![of_ada, of_bob].contains(&server.pid()), "the process that is shown works for nobody");
    assert_eq!(count(&ostler), 3);
}

#[test]
fn per_session_each_key_has_its_own_process() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(isolated("ok", "per-session"));
    let keys = [ostler.admin().make_key(EVERYBODY), ostler.admin().make_key(EVERYBODY)];
    let pids = keys.each_ref().map(|key| process(server.seen_by(key).call("pid", json!({}))));
    assert_ne!(pids[0], pids[1]);
    assert_eq!(process(server.seen_by(&keys[0]).call("pid", json!({}))), pids[0]);
    assert_eq!(server.logs().list("/items").len(), 3, "they are on record as calls of one server");
}

#[test]
fn stopping_a_server_ends_the_processes_of_everybody() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(isolated("ok", "per-user"));
    let ada = shared_with(&ostler, &server, "ada");
    let before = process(server.seen_by(&ada).call("pid", json!({})));
    server.stop().is(200);
    assert_eq!(count(&ostler), 0);
    server.seen_by(&ada).call("pid", json!({})).problem(503, "server_unavailable");
    assert_eq!(count(&ostler), 0, "a call does not start what was stopped");
    server.start().is(200);
    assert_ne!(process(server.seen_by(&ada).call("pid", json!({}))), before);
    server.remove().is(204);
    eventually("nothing of it is left", || (count(&ostler) == 0).then_some(()));
}

#[test]
fn a_change_reaches_the_processes_of_everybody() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(isolated("ok", "per-user"));
    let before = process(server.call("pid", json!({})));
    server.change(json!({"args": ["ok", "anew"]})).is(200);
    eventually("its process is another", || (process(server.call("pid", json!({}))) != before).then_some(()));
    server.change(json!({"isolation": "shared"})).is(200);
    eventually("one process serves all", || (process(server.call("pid", json!({}))) == server.pid()).then_some(()));
    eventually("nobody has one alone", || (count(&ostler) == 1).then_some(()));
}

#[test]
fn a_process_of_ones_own_is_restarted_and_its_failure_is_told_of_its_server() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(isolated("ok", "per-user"));
    let (shown, before) = (server.pid(), process(server.call("pid", json!({}))));
    server.call("crash", json!({})).problem(503, "server_unavailable");
    assert_ne!(process(server.call("pid", json!({}))), before);
    assert_eq!(server.pid(), shown, "the others are none the worse");
    eventually("it is in the audit log", || {
        let log = ostler.admin().get(&format!("/api/audit?action=server.fail&target={}", server.id)).is(200);
        let told = log.text().contains("a process of one caller alone");
        told.then_some(())
    });
}

/// A session of an MCP client of the older era with one server.
struct Session<'a> {
    server: &'a Server,
    id: String,
}

impl<'a> Session<'a> {
    #[track_caller]
    fn open(server: &'a Server) -> Self {
        let (client, version) = (json!({"name": "test", "version": "1"}), "2025-11-25");
        let params = json!({"protocolVersion": version, "capabilities": {"roots": {}}, "clientInfo": client});
        let answer = Session { server, id: String::new() }.post("initialize", params);
        let id = answer.header("mcp-session-id").unwrap_or_else(|| panic!("no session: {answer:?}")).to_owned();
        Self { server, id }
    }

    #[track_caller]
    fn post(&self, method: &str, params: Value) -> Answer {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.ask("POST").header("Accept", "application/json, text/event-stream").json(&body).send().is(200)
    }

    #[track_caller]
    fn process(&self) -> u32 {
        let answer = self.post("tools/call", json!({"name": "pid", "arguments": {}}));
        // The call says it in one event where it is no JSON.
        let text = answer.text();
        let (_, text) = text.split_once("\"text\":\"").unwrap_or_else(|| panic!("no text in {answer:?}"));
        text.split('"').next().unwrap().parse().unwrap()
    }

    #[track_caller]
    fn end(self) {
        self.ask("DELETE").send().any_of(&[200, 202, 204]);
    }

    fn ask(&self, method: &str) -> http::Ask {
        let ask = self.server.caller.ask(method, &format!("/mcp/{}", self.server.id));
        ask.header("Mcp-Session-Id", &self.id)
    }
}

#[test]
fn each_session_of_a_client_has_a_process_that_ends_with_it() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(isolated("ok", "per-session"));
    let (one, other) = (Session::open(&server), Session::open(&server));
    let pids = [one.process(), other.process()];
    assert_ne!(pids[0], pids[1]);
    assert_eq!([one.process(), other.process()], pids);
    one.end();
    eventually("the process of the session that ended is gone", || (!processes::alive(pids[0])).then_some(()));
    assert_eq!(other.process(), pids[1]);
    assert_eq!(server.logs().list("/items").len(), 5);
}

// What follows speaks to the runtime itself, as the MCP endpoint does.

async fn start(folder: &Folder) -> Runtime {
    let program = env!("CARGO_BIN_EXE_ostler");
    Runtime::builder().data_dir(folder.path()).guard(program).start().await.unwrap()
}

async fn registered(runtime: &Runtime, isolation: Isolation) -> ServerId {
    let config = ServerConfig::new("fake", hostile_server().to_str().unwrap()).args(["ok"]);
    let config = ServerConfig { isolation, ..config };
    runtime.servers().create(runtime.embedder(), config).await.unwrap().server.id
}

fn raw(text: &str) -> Arc<RawValue> {
    Arc::from(RawValue::from_string(text.to_owned()).unwrap())
}

fn client(capabilities: &str) -> Arc<McpClient> {
    Arc::new(McpClient {
        era: ::ostler::mcp::Era::Legacy,
        session: Uuid::new_v4(),
        capabilities: raw(capabilities),
        info: None,
        log_level: None,
    })
}

async fn call(
    runtime: &Runtime,
    who: &Principal,
    id: ServerId,
    client: &Arc<McpClient>,
    tool: &str,
    subscriber: Option<RequestSubscriber>,
) -> ostler::Result<ServerResponse> {
    let params = raw(&json!({"name": tool, "arguments": {}}).to_string());
    let request = Request::new("tools/call", Some(&params)).unwrap();
    runtime
        .calls()
        .forward(
            who,
            id,
            ClientRequest { request: request.into(), client: client.clone(), timeout: None, expired: None, subscriber },
        )
        .await
}

fn text(response: &ServerResponse) -> String {
    let result: ostler::serde_json::Value =
        ostler::serde_json::from_str(response.outcome.as_ref().unwrap().get()).unwrap();
    result["content"][0]["text"].as_str().unwrap().to_owned()
}

fn is_alive(pid: &str) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[actix::test]
async fn a_sessions_process_ends_with_it_and_no_other_does() {
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let who = runtime.embedder().clone();
    let id = registered(&runtime, Isolation::PerSession).await;
    let (one, other) = (client("{}"), client("{}"));
    let pid = text(&call(&runtime, &who, id, &one, "pid", None).await.unwrap());
    let stays = text(&call(&runtime, &who, id, &other, "pid", None).await.unwrap());
    assert_ne!(pid, stays);
    runtime.end_session(one.session);
    until("the process of the session ends", async || !is_alive(&pid)).await;
    assert_eq!(text(&call(&runtime, &who, id, &other, "pid", None).await.unwrap()), stays);
    runtime.stop().await;
    assert!(!is_alive(&stays));
}

#[actix::test]
async fn a_process_of_ones_own_asks_whoever_called_and_a_shared_one_asks_nobody() {
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let who = runtime.embedder().clone();
    let client = client(r#"{"roots":{},"sampling":{}}"#);
    for (isolation, expected) in [
        (Isolation::PerSession, "roots/list=result sampling/createMessage=-32601 ping=result"),
        (Isolation::Shared, "roots/list=-32601 sampling/createMessage=-32601 ping=result"),
    ] {
        let id = registered(&runtime, isolation).await;
        let (events, mut received) = mpsc::channel(8);
        let (owner, capabilities) = (client.session, client.capabilities.clone());
        let subscriber = RequestSubscriber { token: None, owner, events, is_waiting: Arc::default(), capabilities };
        let answering = async {
            while let Some(event) = received.recv().await {
                match event {
                    RequestEvent::Request(request) if request.method == "roots/list" => {
                        request.answer(Ok(&raw(r#"{"roots":[]}"#)))
                    }
                    // Dropped, which refuses it.
                    RequestEvent::Request(_) | RequestEvent::Notification { .. } => {}
                }
            }
        };
        let (response, ()) = tokio::join!(call(&runtime, &who, id, &client, "ask", Some(subscriber)), answering);
        assert_eq!(text(&response.unwrap()), expected);
    }
    runtime.stop().await;
}

#[test]
fn a_stranger_reaches_no_process_by_naming_somebody_elses_session() {
    let folder = Folder::new();
    System::new().block_on(async {
        let runtime = start(&folder).await;
        let id = registered(&runtime, Isolation::PerSession).await;
        let me = runtime.embedder().clone();
        let session = client("{}");
        let mine = text(&call(&runtime, &me, id, &session, "pid", None).await.unwrap());
        let new = ostler::model::NewUser {
            email: "eve@example.com".into(),
            name: "Eve".into(),
            password: "correct horse battery staple".into(),
            role: ostler::model::Role::Admin,
        };
        let eve = runtime.accounts().create(&me, new).await.unwrap();
        let eve = runtime.accounts().on_behalf_of(eve.id).await.unwrap();
        assert_ne!(text(&call(&runtime, &eve, id, &session, "pid", None).await.unwrap()), mine);
        let plain = runtime.calls().call(&me, id, CallRequest::new("pid", json!({}))).await.unwrap();
        assert_ne!(plain.text(), mine, "a call without a session is not of one");
        runtime.servers().stop(&me, id).await.unwrap();
        let refused = call(&runtime, &me, id, &session, "pid", None).await;
        assert!(matches!(refused, Err(Error::ServerUnavailable(_))), "{refused:?}");
        runtime.stop().await;
    });
}
