//! Features of a process for MCP clients: any request, lists, changes, resources, messages and questions.

use serde_json::{Value, json, value::RawValue};
use tokio::sync::broadcast;

use super::*;
use crate::{
    mcp::{Declared, Request},
    model::Listing,
    supervisor::messages::{RequestEvent, RequestSubscriber, ServerEvent, ServerRequest},
};

const SHARED: Sharing = Sharing::Shared;

fn exclusive() -> Sharing {
    Sharing::Exclusive { capabilities: r#"{"roots":{}}"#.into() }
}

/// The fake that misbehaves only on request, with prompts and resources.
async fn with_lists(mode: &str, sharing: Sharing) -> Supervised {
    let fake = program().with_file_name("examples").join("hostile_server");
    let launch = Launch { sharing, ..Launch::clone(&run(&fake.display().to_string(), &[mode, "offers"])) };
    supervised_as(RestartPolicy::default(), Arc::new(launch)).await
}

fn raw(json: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(json).unwrap()
}

fn declared(log_level: Option<&str>) -> Declared {
    let capabilities = Arc::from(raw(&json!({"sampling": {}})));
    Declared { capabilities, info: None, log_level: log_level.map(str::to_owned) }
}

fn subscriber(owner: uuid::Uuid) -> (RequestSubscriber, mpsc::Receiver<RequestEvent>) {
    let (events, receiver) = mpsc::channel(8);
    (
        RequestSubscriber {
            token: None,
            owner,
            is_waiting: Arc::default(),
            capabilities: Arc::from(raw(&json!({}))),
            events,
        },
        receiver,
    )
}

fn begin(
    instance: &Arc<ServerInstance>,
    tool: &str,
    arguments: Value,
    level: Option<&str>,
    subscriber: Option<RequestSubscriber>,
) -> InFlight {
    let params = raw(&json!({"name": tool, "arguments": arguments}));
    instance.send_request(&Request::new("tools/call", Some(&params)).unwrap(), &declared(level), subscriber)
}

async fn text(mut request: InFlight) -> String {
    let answer = within(request.answer()).await;
    let Answer::Result(result) = answer else { panic!("{answer:?}") };
    crate::mcp::tool_text(&result)
}

async fn call(instance: &Arc<ServerInstance>, tool: &str, arguments: Value) -> String {
    text(begin(instance, tool, arguments, None, None)).await
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("it takes too long")
}

impl Supervised {
    /// The first listing, from now on, of which this holds.
    async fn listed(&self, reached: impl Fn(&Listing) -> bool) -> Arc<Listing> {
        let mut listings = self.link.listings();
        let reached = |listed: &Option<Arc<Listing>>| listed.as_deref().is_some_and(&reached);
        within(listings.wait_for(reached)).await.unwrap().clone().unwrap()
    }

    /// Waits until the process has received all of `words`.
    async fn has_received(&self, instance: &Arc<ServerInstance>, words: &str) {
        let events = async {
            while !call(instance, "told", json!({})).await.contains(words) {
                tokio::task::yield_now().await;
            }
        };
        within(events).await;
    }
}

async fn updated(server_events: &mut broadcast::Receiver<ServerEvent>) -> (String, String) {
    loop {
        if let ServerEvent::ResourceUpdated { uri, params } = within(server_events.recv()).await.unwrap() {
            return (uri, params.get().to_owned());
        }
    }
}

#[actix::test]
async fn every_list_is_refreshed_in_both_eras() {
    for mode in ["ok", "modern-only"] {
        let mut supervised = with_lists(mode, SHARED).await;
        let (instance, pid) = supervised.serving(None).await;
        let first = supervised.listed(|listed| !listed.templates.is_empty()).await;
        assert_eq!((first.prompts.len(), first.resources.len(), first.templates.len()), (1, 1, 1));
        assert_eq!(first.prompts[0].get(), r#"{"name":"prompt-0","x":1e400}"#);
        assert!(first.greeting.get().contains("hostile") && !first.version.is_empty());
        while !matches!(supervised.next_event().await, SupervisorEvent::Listed { .. }) {}

        let mut server_events = supervised.link.server_events.subscribe();
        supervised.has_received(&instance, if mode == "ok" { "" } else { r#""promptsListChanged":true"# }).await;
        call(&instance, "grow-list", json!({"list": "prompts"})).await;
        supervised.listed(|listed| listed.prompts.len() == 2).await;
        while !matches!(within(server_events.recv()).await, Ok(ServerEvent::ListChanged("prompts"))) {}
        let is_second = |event| matches!(event, SupervisorEvent::Listed { listing, .. } if listing.prompts.len() == 2);
        while !is_second(supervised.next_event().await) {}

        // The next process has forgotten it.
        kill(pid);
        supervised.listed(|listed| listed.prompts.len() == 1).await;
        while !matches!(within(server_events.recv()).await, Ok(ServerEvent::ListChanged("prompts"))) {}
        supervised.end().await;
    }
}

#[actix::test]
async fn a_resource_is_subscribed_to_once_for_all_who_watch_and_again_after_a_restart() {
    let supervised = with_lists("ok", SHARED).await;
    let (instance, pid) = supervised.serving(None).await;
    let mut server_events = supervised.link.server_events.subscribe();
    let one = within(supervised.link.watch_resource("test://a")).await.unwrap();
    let other = within(supervised.link.watch_resource("test://a")).await.unwrap();
    assert!(call(&instance, "told", json!({})).await.contains("subscribed: test://a;"));
    call(&instance, "update", json!({"uri": "test://a"})).await;
    assert_eq!(updated(&mut server_events).await, ("test://a".into(), r#"{"uri":"test://a","new":[1 ]}"#.into()));

    drop(one);
    kill(pid);
    let (instance, _) = supervised.serving(Some(pid)).await;
    supervised.has_received(&instance, "subscribed: test://a;").await;
    drop(other);
    supervised.has_received(&instance, "subscribed: ;").await;
    supervised.end().await;
}

#[actix::test]
async fn the_newer_era_has_one_stream_of_changes_that_follows_what_is_watched() {
    let supervised = with_lists("modern-only", SHARED).await;
    let (instance, pid) = supervised.serving(None).await;
    let mut server_events = supervised.link.server_events.subscribe();
    let watch = within(supervised.link.watch_resource("test://a")).await.unwrap();
    let lists = r#""toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true"#;
    let both = format!(r#"listens: {{{lists},"resourceSubscriptions":["test://a"]}};"#);
    supervised.has_received(&instance, &both).await;
    call(&instance, "update", json!({"uri": "test://a"})).await;
    assert_eq!(updated(&mut server_events).await, ("test://a".into(), r#"{"uri":"test://a","new":[1 ]}"#.into()));
    assert_eq!(instance.figures.in_flight.load(std::sync::atomic::Ordering::Relaxed), 0, "it is no work");

    call(&instance, "end-listens", json!({})).await;
    supervised.has_received(&instance, &both).await;
    kill(pid);
    let (instance, _) = supervised.serving(Some(pid)).await;
    supervised.has_received(&instance, &both).await;
    drop(watch);
    supervised.has_received(&instance, &format!("listens: {{{lists}}};")).await;
    supervised.end().await;
}

#[actix::test]
async fn a_server_may_refuse_a_subscription() {
    for mode in ["ok", "modern-only"] {
        let supervised = with_lists(mode, SHARED).await;
        supervised.serving(None).await;
        for _ in 0..2 {
            let refusal = within(supervised.link.watch_resource("test://refused")).await.err().unwrap();
            assert!(refusal.get().contains("-32602"), "{refusal}");
        }
        supervised.end().await;
    }
}

#[actix::test]
async fn what_is_watched_before_there_is_a_process_is_subscribed_to_when_there_is_one() {
    let supervised = with_lists("slow-start", SHARED).await;
    let watch = within(supervised.link.watch_resource("test://a")).await.unwrap();
    let (instance, _) = supervised.serving(None).await;
    supervised.has_received(&instance, "subscribed: test://a;").await;
    drop(watch);
    supervised.end().await;
}

#[actix::test]
async fn a_revision_that_is_refused_and_offered_at_once_is_tried_again() {
    let supervised = with_lists("second-thoughts", SHARED).await;
    let (instance, _) = supervised.serving(None).await;
    assert_eq!(instance.era(), crate::mcp::Era::Modern);
    supervised.end().await;
}

#[actix::test]
async fn a_request_reaches_the_server_as_its_client_wrote_it() {
    let supervised = with_lists("ok", SHARED).await;
    let (instance, _) = supervised.serving(None).await;
    let params = RawValue::from_string(r#"{"z":1e400,"_meta":{"traceparent":"00-1","a": [2]},"b":""}"#.into()).unwrap();
    let request = Request::new("received/back", Some(&params)).unwrap();
    let answer = within(instance.send_request(&request, &declared(None), None).answer()).await;
    let Answer::Result(result) = answer else { panic!("{answer:?}") };
    assert!(result.get().contains(params.get()), "{result}");
    supervised.end().await;
}

#[actix::test]
async fn an_exclusive_servers_request_goes_to_the_oldest_request() {
    let supervised = with_lists("ok", exclusive()).await;
    let (instance, _) = supervised.serving(None).await;
    let (one, mut events) = subscriber(uuid::Uuid::new_v4());
    let call = begin(&instance, "question", json!({"method": "roots/list", "params": {"x": [1]}}), None, Some(one));
    let Some(RequestEvent::Request(request)) = within(events.recv()).await else { panic!("it asked nothing") };
    assert_eq!(
        (request.method.as_str(), request.params.as_deref().map(RawValue::get)),
        ("roots/list", Some(r#"{"x":[1]}"#))
    );
    request.answer(Ok(&raw(&json!({"roots": []}))));
    assert!(text(call).await.contains(r#""result":{"roots":[]}"#));

    let (one, mut events) = subscriber(uuid::Uuid::new_v4());
    let call = begin(&instance, "question", json!({"method": "roots/list"}), None, Some(one));
    drop(within(events.recv()).await);
    assert!(text(call).await.contains("-32601"), "what nobody answers is refused");
    supervised.end().await;
}

#[actix::test]
async fn a_question_goes_to_the_oldest_request_whose_client_declared_that_it_answers_such() {
    let supervised = with_lists("ok", exclusive()).await;
    let (instance, _) = supervised.serving(None).await;
    let declaring = |capabilities: Value| {
        let (one, events) = subscriber(uuid::Uuid::new_v4());
        (RequestSubscriber { capabilities: Arc::from(raw(&capabilities)), ..one }, events)
    };
    let ask = |method: &str| begin(&instance, "question", json!({"method": method}), None, None);
    let (silent, mut oldest) = declaring(json!({}));
    let (busy, mut waiting) = declaring(json!({"roots": {}}));
    busy.is_waiting.store(true, std::sync::atomic::Ordering::Relaxed);
    let (able, mut events) = declaring(json!({"roots": {}}));
    let (younger, mut last) = declaring(json!({"roots": {}}));
    let sleeping: Vec<_> = [silent, busy, able, younger]
        .map(|one| begin(&instance, "sleep", json!({"ms": 60_000}), None, Some(one)))
        .into();

    let call = ask("roots/list");
    let Some(RequestEvent::Request(request)) = within(events.recv()).await else { panic!("it was not asked") };
    request.answer(Ok(&raw(&json!({"roots": []}))));
    assert!(text(call).await.contains(r#""result":{"roots":[]}"#));
    let call = ask("sampling/createMessage");
    let Some(RequestEvent::Request(request)) = within(oldest.recv()).await else {
        panic!("nobody declared it: the oldest hears it")
    };
    drop(request);
    assert!(text(call).await.contains("-32601"));
    assert!([&mut oldest, &mut waiting, &mut events, &mut last].iter_mut().all(|one| one.try_recv().is_err()));
    drop(sleeping);
    supervised.end().await;
}

#[actix::test]
async fn a_server_request_outside_of_requests_waits_for_a_reader() {
    let supervised = with_lists("ok", exclusive()).await;
    let (instance, _) = supervised.serving(None).await;
    let call = begin(&instance, "question", json!({"method": "roots/list"}), None, None);
    let mut questions = supervised.link.take_server_requests().unwrap();
    assert!(supervised.link.take_server_requests().is_none(), "one reader at a time");
    let request: ServerRequest = within(questions.recv()).await.unwrap();
    request.answer(Err(&raw(&json!({"code": 7, "message": "no"}))));
    assert!(text(call).await.contains(r#""error":{"code":7"#));
    drop(questions);
    assert!(supervised.link.take_server_requests().is_some(), "another one may follow");
    supervised.end().await;
}

#[actix::test]
async fn stopping_a_server_refuses_its_open_requests() {
    let supervised = with_lists("ok", exclusive()).await;
    let (instance, pid) = supervised.serving(None).await;
    let call = begin(&instance, "question", json!({"method": "roots/list"}), None, None);
    let mut questions = supervised.link.take_server_requests().unwrap();
    let request = within(questions.recv()).await.unwrap();
    within(supervised.supervisor.send(StopAll)).await.unwrap();
    assert!(is_gone(pid).await);
    drop((request, call));
    supervised.arbiter.stop();
}

#[actix::test]
async fn a_shared_servers_requests_are_refused() {
    let supervised = with_lists("ok", SHARED).await;
    let (instance, _) = supervised.serving(None).await;
    let (one, mut events) = subscriber(uuid::Uuid::new_v4());
    let call = begin(&instance, "question", json!({"method": "roots/list"}), None, Some(one));
    assert!(text(call).await.contains("-32601"));
    assert!(events.recv().await.is_none());
    supervised.end().await;
}

fn message(level: &str) -> Value {
    json!({"method": "notifications/message", "params": {"level": level, "data": "x"}})
}

#[actix::test]
async fn messages_of_a_shared_server_reach_an_only_owner() {
    let supervised = with_lists("ok", SHARED).await;
    let (instance, _) = supervised.serving(None).await;
    let (mine, theirs) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let (one, mut events) = subscriber(mine);
    let waiting = begin(&instance, "sleep", json!({"ms": 60_000}), Some("warning"), Some(one));
    call(&instance, "notify", message("info")).await;
    call(&instance, "notify", message("error")).await;
    let Ok(RequestEvent::Notification { method, params }) = events.try_recv() else { panic!("it heard nothing") };
    assert_eq!((&*method, params.unwrap().get()), ("notifications/message", r#"{"data":"x","level":"error"}"#));
    assert!(events.try_recv().is_err(), "less severe than it wants");
    assert!(call(&instance, "told", json!({})).await.contains("levels: warning"));

    let (other, mut other_events) = subscriber(theirs);
    let also = begin(&instance, "sleep", json!({"ms": 60_000}), Some("debug"), Some(other));
    call(&instance, "notify", message("error")).await;
    assert!(events.try_recv().is_err() && other_events.try_recv().is_err());
    assert!(call(&instance, "told", json!({})).await.contains("levels: warning debug"));
    drop((waiting, also));
    supervised.end().await;
}

#[actix::test]
async fn an_exclusive_server_sends_events_outside_of_requests() {
    let supervised = with_lists("ok", exclusive()).await;
    let (instance, _) = supervised.serving(None).await;
    let mut server_events = supervised.link.server_events.subscribe();
    call(&instance, "notify", message("info")).await;
    call(&instance, "notify", json!({"method": "notifications/x", "params": {"y": 1}})).await;
    let (mut logged, mut told) = (false, false);
    while !(logged && told) {
        match within(server_events.recv()).await.unwrap() {
            ServerEvent::Logged(params) => logged = params.get().contains("info"),
            ServerEvent::Notification { method, params } => {
                told = (&*method, params.unwrap().get()) == ("notifications/x", r#"{"y":1}"#)
            }
            ServerEvent::ListChanged(_) | ServerEvent::ResourceUpdated { .. } => {}
        }
    }
    supervised.end().await;
}
