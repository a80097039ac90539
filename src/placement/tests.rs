//! Keys of isolated processes, and when they end.

use serde_json::value::RawValue;

use super::{
    isolated_process::IDLE_TIMEOUT,
    isolated_processes::PROCESSES_PER_USER_MAX,
    process_key::{ALL_CAPABILITIES, declared},
    *,
};
use crate::{
    access::credentials::embedder,
    mcp::{self, Era},
    model::{Credential, Isolation, KeyId, PermissionSet, ServerConfig},
    supervisor::{Link, messages::ServerEvent},
};

fn server(isolation: Isolation) -> Arc<Registered> {
    let server = Server::registered(UserId::new(), ServerConfig { isolation, ..ServerConfig::new("a", "b") });
    Arc::new(Registered::new(server, Vec::new(), Link::default(), 1))
}

fn somebody() -> Principal {
    Principal {
        user_id: UserId::new(),
        permissions: PermissionSet::default(),
        credential: Credential::Key(KeyId::new()),
        ..embedder()
    }
}

fn client(capabilities: &str) -> McpClient {
    let capabilities = Arc::from(RawValue::from_string(capabilities.to_owned()).unwrap());
    McpClient { session: Uuid::new_v4(), era: Era::Legacy, capabilities, info: None, log_level: None }
}

#[test]
fn a_shared_server_has_no_process_for_anybody_alone() {
    assert_eq!(ProcessKey::of(&somebody(), &server(Isolation::Shared), Some(&client("{}"))), None);
}

#[test]
fn per_user_all_sessions_of_one_user_share_a_process_and_no_other_user_does() {
    let (server, who) = (server(Isolation::PerUser), somebody());
    let one = ProcessKey::of(&who, &server, Some(&client("{}")));
    assert_eq!(one, ProcessKey::of(&who, &server, Some(&client(r#"{"roots":{}}"#))));
    assert_eq!(one, ProcessKey::of(&who, &server, None));
    assert_ne!(one, ProcessKey::of(&somebody(), &server, None));
}

#[test]
fn per_session_each_session_has_its_own_and_a_credential_stands_for_one() {
    let (server, who) = (server(Isolation::PerSession), somebody());
    let session = client("{}");
    let one = ProcessKey::of(&who, &server, Some(&session));
    assert_eq!(one, ProcessKey::of(&who, &server, Some(&session)));
    assert_ne!(one, ProcessKey::of(&who, &server, Some(&client("{}"))));
    assert_ne!(one, ProcessKey::of(&somebody(), &server, Some(&session)), "a session is its user's alone");
    assert_eq!(ProcessKey::of(&who, &server, None), ProcessKey::of(&who, &server, None));
    let other = Principal { credential: Credential::Key(KeyId::new()), ..who.clone() };
    assert_ne!(ProcessKey::of(&who, &server, None), ProcessKey::of(&other, &server, None));
}

#[test]
fn a_process_hears_what_its_client_declared_but_for_what_is_not_bridged() {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let many = client(r#"{ "roots":{"x":1}, "extensions":{"a":{}}, "tasks":{} }"#);
    assert_eq!(declared(&many), r#"{"extensions":{"a":{}},"roots":{"x":1}}"#);
    let modern = declared(&McpClient { era: Era::Modern, ..many });
    let all = r#"{"elicitation":{"form":{},"url":{}},"extensions":{"a":{}},"roots":{},"sampling":{}}"#;
    assert_eq!(modern, all);
    assert_eq!(declared(&client("[]")), "{}");
    assert_eq!(
        declared(&McpClient { era: Era::Modern, ..client("{}") }),
        ALL_CAPABILITIES,
        "it may declare more next time"
    );
    let (server, who, session) = (server(Isolation::PerSession), somebody(), client("{}"));
    let more = McpClient { capabilities: Arc::from(raw(r#"{"roots":{}}"#)), ..session.clone() };
    assert_ne!(ProcessKey::of(&who, &server, Some(&session)), ProcessKey::of(&who, &server, Some(&more)));
}

#[test]
fn who_declares_something_else_with_each_request_has_one_process_all_the_same() {
    let (server, who) = (server(Isolation::PerSession), somebody());
    let modern = |client: McpClient| McpClient { era: Era::Modern, ..client };
    let one = modern(client("{}"));
    let more = McpClient { session: one.session, ..modern(client(r#"{"roots":{}}"#)) };
    let key = ProcessKey::of(&who, &server, Some(&one)).unwrap();
    assert_eq!(Some(&key), ProcessKey::of(&who, &server, Some(&more)).as_ref());
    assert_eq!(key.capabilities, ALL_CAPABILITIES);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_idle_ten_minutes_after_its_last_use_and_never_before() {
    let (processes, server, who) = (IsolatedProcesses::default(), server(Isolation::PerUser), somebody());
    let key = ProcessKey::of(&who, &server, None).unwrap();
    let lease = processes.lease(key.clone(), &server).unwrap();
    processes.admit(lease.process()).unwrap();
    tokio::time::advance(IDLE_TIMEOUT * 2).await;
    assert!(!lease.process().is_idle() && !lease.process().retire());
    let process = lease.process().clone();
    drop(lease);
    tokio::time::advance(IDLE_TIMEOUT / 2).await;
    assert!(!process.is_idle());
    tokio::time::advance(IDLE_TIMEOUT / 2).await;
    assert!(process.is_unreferenced());
    let events = process.link.server_events.subscribe();
    assert!(!process.is_unreferenced() && process.retire() && !process.retire());
    drop(events);
    processes.get(key, &server).unwrap();
    assert!(processes.take(IsolatedProcess::is_unreferenced).is_empty(), "it was just asked for");
}

#[tokio::test]
async fn what_changes_for_all_is_news_to_each() {
    let (processes, server) = (IsolatedProcesses::default(), server(Isolation::PerUser));
    let process = processes.get(ProcessKey::of(&somebody(), &server, None).unwrap(), &server).unwrap();
    let mut events = process.link.server_events.subscribe();
    let private = ServerEvent::Logged(mcp::empty_object());
    drop((server.link.server_events.send(private), server.link.server_events.send(ServerEvent::ListChanged("tools"))));
    assert!(matches!(events.recv().await, Ok(ServerEvent::ListChanged("tools"))));
}

#[tokio::test]
async fn a_user_has_sixteen_processes_of_their_own_at_most() {
    let (processes, who) = (IsolatedProcesses::default(), somebody());
    let process = |who: &Principal| {
        let server = server(Isolation::PerUser);
        processes.get(ProcessKey::of(who, &server, None).unwrap(), &server).unwrap()
    };
    for _ in 0..PROCESSES_PER_USER_MAX {
        processes.admit(&process(&who)).unwrap();
    }
    assert!(matches!(processes.admit(&process(&who)), Err(Error::Busy(_))));
    processes.admit(&process(&somebody())).unwrap();
    processes.find(|process| process.started.load(Ordering::Relaxed) && process.key.user == who.user_id)[0]
        .started
        .store(false, Ordering::Relaxed);
    processes.admit(&process(&who)).unwrap();
}
