//! Whose a process is, and when nobody needs it any more.

use serde_json::value::RawValue;

use super::*;
use crate::{
    mcp,
    model::{HealthStatus, KeyId, PermissionSet, Role, Server, ServerConfig, Timestamp},
};

fn server(isolation: Isolation) -> Arc<Registered> {
    let server = Server {
        id: ServerId::new(),
        user_id: UserId::new(),
        config: ServerConfig { isolation, ..ServerConfig::new("a", "b") },
        health_status: HealthStatus::Unknown,
        total_calls: 0,
        total_errors: 0,
        total_execution_time: 0,
        last_used_at: None,
        last_health_check: None,
        created_at: Timestamp::now(),
        updated_at: Timestamp::now(),
    };
    Arc::new(Registered::new(server, Vec::new(), Link::default(), 1))
}

fn somebody() -> Principal {
    Principal {
        user_id: UserId::new(),
        email: "somebody@example.com".into(),
        role: Role::Viewer,
        permissions: PermissionSet::default(),
        credential: Credential::Key(KeyId::new()),
        expires_at: None,
        address: None,
        request_id: None,
    }
}

fn client(capabilities: &str) -> Client {
    let capabilities = Arc::from(RawValue::from_string(capabilities.to_owned()).unwrap());
    Client { session: Uuid::new_v4(), era: Era::Legacy, capabilities, info: None, log_level: None }
}

#[test]
fn a_shared_server_has_no_process_for_anybody_alone() {
    assert_eq!(Key::of(&somebody(), &server(Isolation::Shared), Some(&client("{}"))), None);
}

#[test]
fn per_user_all_sessions_of_one_user_share_a_process_and_no_other_user_does() {
    let (server, who) = (server(Isolation::PerUser), somebody());
    let one = Key::of(&who, &server, Some(&client("{}")));
    assert_eq!(one, Key::of(&who, &server, Some(&client(r#"{"roots":{}}"#))));
    assert_eq!(one, Key::of(&who, &server, None));
    assert_ne!(one, Key::of(&somebody(), &server, None));
}

#[test]
fn per_session_each_session_has_its_own_and_a_credential_stands_for_one() {
    let (server, who) = (server(Isolation::PerSession), somebody());
    let session = client("{}");
    let one = Key::of(&who, &server, Some(&session));
    assert_eq!(one, Key::of(&who, &server, Some(&session)));
    assert_ne!(one, Key::of(&who, &server, Some(&client("{}"))));
    assert_ne!(one, Key::of(&somebody(), &server, Some(&session)), "a session is its user's alone");
    assert_eq!(Key::of(&who, &server, None), Key::of(&who, &server, None));
    let other = Principal { credential: Credential::Key(KeyId::new()), ..who.clone() };
    assert_ne!(Key::of(&who, &server, None), Key::of(&other, &server, None));
}

#[test]
fn a_process_hears_what_its_client_declared_but_for_what_is_not_bridged() {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let many = client(r#"{ "roots":{"x":1}, "extensions":{"a":{}}, "tasks":{} }"#);
    assert_eq!(declared(&many), r#"{"roots":{"x":1}}"#);
    assert_eq!(declared(&client("[]")), "{}");
    assert_eq!(declared(&Client { era: Era::Modern, ..client("{}") }), EVERYTHING, "it may declare more next time");
    let (server, who, session) = (server(Isolation::PerSession), somebody(), client("{}"));
    let more = Client { capabilities: Arc::from(raw(r#"{"roots":{}}"#)), ..session.clone() };
    assert_ne!(Key::of(&who, &server, Some(&session)), Key::of(&who, &server, Some(&more)));
}

#[test]
fn who_declares_something_else_with_each_request_has_one_process_all_the_same() {
    let (server, who) = (server(Isolation::PerSession), somebody());
    let modern = |client: Client| Client { era: crate::mcp::Era::Modern, ..client };
    let one = modern(client("{}"));
    let more = Client { session: one.session, ..modern(client(r#"{"roots":{}}"#)) };
    let key = Key::of(&who, &server, Some(&one)).unwrap();
    assert_eq!(Some(&key), Key::of(&who, &server, Some(&more)).as_ref());
    assert_eq!(key.capabilities, EVERYTHING);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_idle_ten_minutes_after_its_last_use_and_never_before() {
    let (leases, server, who) = (Leases::default(), server(Isolation::PerUser), somebody());
    let key = Key::of(&who, &server, None).unwrap();
    let lane = leases.hold(key.clone(), &server).unwrap();
    leases.admit(lane.lease()).unwrap();
    tokio::time::advance(IDLE * 2).await;
    assert!(!lane.lease().is_idle() && !lane.lease().retire());
    let lease = lane.lease().clone();
    drop(lane);
    tokio::time::advance(IDLE / 2).await;
    assert!(!lease.is_idle());
    tokio::time::advance(IDLE / 2).await;
    assert!(lease.is_forgotten());
    let news = lease.link.news.subscribe();
    assert!(!lease.is_forgotten() && lease.retire() && !lease.retire());
    drop(news);
    leases.get(key, &server).unwrap();
    assert!(leases.take(Lease::is_forgotten).is_empty(), "it was just asked for");
}

#[tokio::test]
async fn what_changes_for_all_is_news_to_each() {
    let (leases, server) = (Leases::default(), server(Isolation::PerUser));
    let lease = leases.get(Key::of(&somebody(), &server, None).unwrap(), &server).unwrap();
    let mut news = lease.link.news.subscribe();
    let private = News::Logged(mcp::empty_object());
    drop((server.link.news.send(private), server.link.news.send(News::ListChanged("tools"))));
    assert!(matches!(news.recv().await, Ok(News::ListChanged("tools"))));
}

#[tokio::test]
async fn a_user_has_sixteen_processes_of_their_own_at_most() {
    let (leases, who) = (Leases::default(), somebody());
    let lease = |who: &Principal| {
        let server = server(Isolation::PerUser);
        leases.get(Key::of(who, &server, None).unwrap(), &server).unwrap()
    };
    for _ in 0..MOST_PROCESSES {
        leases.admit(&lease(&who)).unwrap();
    }
    assert!(matches!(leases.admit(&lease(&who)), Err(Error::Busy(_))));
    leases.admit(&lease(&somebody())).unwrap();
    leases.find(|lease| lease.started.load(Ordering::Relaxed) && lease.key.user == who.user_id)[0]
        .started
        .store(false, Ordering::Relaxed);
    leases.admit(&lease(&who)).unwrap();
}
