//! What the feed promises, without anybody who reads it over HTTP.

use crate::{
    model::{CallId, Credential, PermissionSet, Role, Timestamp},
    policy::permission::of_role,
};

use super::{pace::Pace, pulse::MOST, *};

fn somebody(role: Role) -> Principal {
    Principal {
        user_id: UserId::new(),
        email: "somebody@example.com".into(),
        role,
        permissions: of_role(role),
        credential: Credential::Embedder,
        expires_at: None,
        address: None,
        request_id: None,
    }
}

fn restart(attempt: u32) -> LiveEvent {
    LiveEvent::Restart { server_id: ServerId::new(), attempt }
}

fn call(server_id: ServerId, success: bool) -> LiveEvent {
    LiveEvent::Call {
        id: CallId::new(),
        server_id,
        tool_name: "echo".into(),
        user_id: UserId::new(),
        success,
        error_message: None,
        execution_time: 1,
        created_at: Timestamp::now(),
    }
}

#[test]
fn many_calls_push_nothing_else_out() {
    let feed = Feed::default();
    feed.push(Scope::Gateway, restart(1));
    let server = ServerId::new();
    (0..5000).for_each(|_| feed.push(Scope::Gateway, call(server, true)));
    let batch = feed.after(0);
    assert!(matches!(batch.entries.first().unwrap().event, LiveEvent::Restart { attempt: 1, .. }));
    assert_eq!(batch.last, 5001);
    assert_eq!(batch.missed + u64::try_from(batch.entries.len()).unwrap(), 5001);
    assert!(batch.entries.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert_eq!(feed.after(5001).missed, 0);
}

#[test]
fn the_memory_of_events_is_bounded() {
    let feed = Feed::default();
    let long = "x".repeat(100_000);
    (0..100).for_each(|_| {
        feed.push(Scope::Gateway, LiveEvent::GaveUp { server_id: ServerId::new(), reason: long.clone() });
    });
    assert!((1..=5).contains(&feed.after(0).entries.len()));
}

#[test]
fn an_id_of_another_run_or_from_the_future_is_known_for_one() {
    let (feed, other) = (Feed::default(), Feed::default());
    feed.push(Scope::Gateway, restart(1));
    assert_eq!(feed.seq(&feed.id(1)), Some(1));
    assert_eq!(feed.seq(&feed.id(2)), None);
    assert_eq!(feed.seq(&other.id(0)), None);
    assert_eq!(feed.seq("nonsense"), None);
}

#[test]
fn an_event_of_a_server_that_is_gone_is_for_those_who_saw_it() {
    let (owner, other, manager) = (somebody(Role::Developer), somebody(Role::Developer), somebody(Role::Admin));
    let scope = Scope::Users(vec![owner.user_id]);
    assert_eq!([&owner, &other, &manager].map(|who| scope.shown(&restart(1), who).is_some()), [true, false, true]);
    let nothing = Principal { permissions: PermissionSet::default(), ..owner };
    assert!([scope, Scope::Gateway].iter().all(|scope| scope.shown(&restart(1), &nothing).is_none()));
    assert!(Scope::Server(Weak::new()).shown(&restart(1), &manager).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_called_often_is_told_of_in_sums() {
    let (pulses, server) = (Pulses::default(), ServerId::new());
    let told = |success| pulses.beat(server, Instant::now(), success);
    assert!((0..MOST).all(|_| told(true) == Told::Singly));
    assert_eq!([told(true), told(false), told(false)], [Told::SumBegun, Told::Summed, Told::Summed]);
    tokio::time::advance(pulse::WINDOW).await;
    let [(of, sum)] = pulses.take(Instant::now())[..] else { panic!("no sum") };
    assert_eq!(of, server);
    assert_eq!((sum.count, sum.errors, sum.over), (3, 2, pulse::WINDOW));
    assert_eq!(pulses.take(Instant::now()), []);
    assert_eq!(told(true), Told::Singly);
}

#[tokio::test(start_paused = true)]
async fn a_reader_is_told_of_twenty_calls_a_second_and_counts_the_rest() {
    let (one, other) = (ServerId::new(), ServerId::new());
    let mut pace = Pace::new(Instant::now());
    let told =
        (0..100).filter(|n| pace.take(&call(if n % 2 == 0 { one } else { other }, true), Instant::now()).is_some());
    assert_eq!(told.count(), 20);
    assert!(pace.take(&restart(1), Instant::now()).is_some());
    tokio::time::advance(pulse::WINDOW).await;
    let sums: Vec<_> = pace.sums(Instant::now()).collect();
    let counted =
        sums.iter().map(|event| if let LiveEvent::Calls { count, since_ms: 1000, .. } = event { *count } else { 0 });
    assert_eq!(counted.collect::<Vec<_>>(), [40, 40]);
    assert!(pace.due().is_none() && pace.take(&call(one, false), Instant::now()).is_some());
}

#[test]
fn long_texts_are_cut_between_characters() {
    assert_eq!(short("short"), "short");
    assert_eq!(short(&"ä".repeat(300)), format!("{}…", "ä".repeat(250)));
}
