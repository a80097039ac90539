//! What a program that embeds a runtime writes without looking it up.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use ostler::{
    actix_web::{
        App, HttpResponse, ResponseError,
        test::{TestRequest, call_service, init_service, read_body},
        web,
    },
    calls::CallOutcome,
    events::LiveEvent,
    serde_json::{self, Value},
};

use super::*;

#[actix::test]
async fn a_server_and_an_account_that_are_needed_are_there_once() {
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let (me, servers) = (runtime.embedder(), runtime.servers());
    let config = ServerConfig::new("oats", OSTLER).args(["demo-server"]);
    assert!(servers.find(me, "oats").unwrap().is_none());
    let (one, two) = tokio::join!(servers.ensure(me, config.clone()), servers.ensure(me, config.clone()));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.server.id, &one.revision), (two.server.id, &two.revision));
    let changed = servers.ensure(me, config.clone().env("NAME", "oats")).await.unwrap();
    assert_eq!(changed.server.id, one.server.id);
    // The process of before answers until the next one is ready.
    until("the change serves", async || ask_name(&runtime, one.server.id).await.is_ok_and(|name| name == "oats")).await;
    assert_eq!(servers.find(me, "oats").unwrap().unwrap().server.id, one.server.id);
    servers.create(me, config.clone()).await.unwrap();
    let Err(Error::Conflict(why)) = servers.ensure(me, config).await else { panic!("which one?") };
    assert!(why.contains("several servers named `oats`"), "{why}");

    let accounts = runtime.accounts();
    assert!(accounts.find(me, "ada@example.com").await.unwrap().is_none());
    let ada = accounts.ensure(me, "Ada@Example.com", "Ada", Role::Executor).await.unwrap();
    let again = accounts.ensure(me, "ada@example.com", "Ada", Role::Admin).await.unwrap();
    assert_eq!((again.id, again.role), (ada.id, Role::Executor));
    assert_eq!(accounts.on_behalf_of(ada.id).await.unwrap().user_id, ada.id);
    assert!(accounts.login("ada@example.com", "", None, None).await.is_err(), "it has no password");
    runtime.stop().await;
}

#[actix::test]
async fn the_first_admin_has_the_password_that_the_program_gives() {
    let folder = Folder::new();
    let runtime = builder(&folder).admin_password("correct horse battery staple").start().await.unwrap();
    assert!(runtime.first_admin().is_none(), "none is made up");
    let admin = runtime.accounts().login("admin@localhost", "correct horse battery staple", None, None).await.unwrap();
    assert_eq!(admin.user.role, Role::Admin);
    runtime.stop().await;
}

#[derive(serde::Serialize)]
struct Addends {
    a: i64,
    b: i64,
}

#[actix::test]
async fn a_call_takes_what_can_be_written_as_json_and_shows_its_progress() {
    let folder = Folder::new();
    let runtime = builder(&folder).call_timeout(std::time::Duration::from_secs(30)).start().await.unwrap();
    let (me, id) = (runtime.embedder(), demo(&runtime, "oats").await);
    let sum = runtime.calls().call(me, id, CallRequest::new("add", &Addends { a: 2, b: 3 })).await.unwrap();
    assert_eq!(sum.text(), "5");
    let slow = CallRequest::new("sleep", BTreeMap::from([("ms", 60_000)]));
    let limit = std::time::Duration::from_millis(50);
    assert!(matches!(runtime.calls().call(me, id, slow.timeout(limit)).await, Err(Error::CallTimeout(_))));
    let no_object = runtime.calls().call(me, id, CallRequest::new("add", BTreeMap::from([((1, 2), 3)]))).await;
    assert!(matches!(no_object, Err(Error::Invalid(_))), "{no_object:?}");

    let (request, progress) = CallRequest::new("sleep", json!({"ms": 300})).progress();
    let (outcome, steps) = tokio::join!(runtime.calls().call(me, id, request), progress.collect::<Vec<_>>());
    outcome.unwrap();
    assert!(!steps.is_empty() && steps.is_sorted_by(|one, next| one.progress < next.progress), "{steps:?}");
    runtime.stop().await;
}

#[actix::test]
async fn events_are_typed_and_end_with_the_runtime() {
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let mut events = runtime.events().follow(runtime.embedder());
    let id = demo(&runtime, "oats").await;
    ask_name(&runtime, id).await.unwrap();
    let is_call = |event: &LiveEvent| matches!(event, LiveEvent::Call { .. });
    let mut seen = Vec::new();
    // What is not read when the stop begins is not read at all.
    while !seen.iter().any(is_call) {
        seen.push(events.next().await.unwrap());
    }
    runtime.stop().await;
    seen.extend(events.collect::<Vec<_>>().await);
    assert_eq!(seen.iter().filter(|event| is_call(event)).count(), 1, "{seen:?}");
}

async fn show(data: web::Data<(Runtime, ServerId)>, tool: web::Path<String>) -> ostler::Result<HttpResponse> {
    let (runtime, id) = data.get_ref();
    let details = runtime.servers().get(runtime.embedder(), *id)?;
    let outcome: CallOutcome =
        runtime.calls().call(runtime.embedder(), *id, CallRequest::new(tool.as_str(), ())).await?;
    Ok(HttpResponse::Ok().json((details, outcome)))
}

#[actix::test]
async fn a_handler_of_the_program_passes_values_and_errors_on() {
    let folder = Folder::new();
    let runtime = start(&folder).await;
    let file = json!({"name": "oats", "command": OSTLER, "args": ["demo-server"], "env": {"NAME": "secret"}});
    let config: ServerConfig = serde_json::from_value(file).unwrap();
    let faulty = serde_json::from_value::<ServerConfig>(json!({"name": "oats", "comand": "x"})).unwrap_err();
    assert!(faulty.to_string().contains("comand"), "{faulty}");
    let id = runtime.servers().ensure(runtime.embedder(), config).await.unwrap().server.id;
    let data = web::Data::new((runtime.clone(), id));
    let app = init_service(App::new().app_data(data).route("/{tool}", web::get().to(show))).await;
    let answer = call_service(&app, TestRequest::get().uri("/pid").to_request()).await;
    assert_eq!(answer.status(), 200);
    let body: Value = serde_json::from_slice(&read_body(answer).await).unwrap();
    assert_eq!(body.pointer("/0/name").or(body.pointer("/0/server/name")), Some(&json!("oats")), "{body}");
    assert!(body.pointer("/1/callId").is_some() && !body.to_string().contains("secret"), "{body}");
    let refused = call_service(&app, TestRequest::get().uri("/none").to_request()).await;
    assert_eq!(refused.status(), 400);
    let problem: Value = serde_json::from_slice(&read_body(refused).await).unwrap();
    assert_eq!(problem["code"], "tool_execution_failed");
    let missing = runtime.servers().get(runtime.embedder(), ServerId::new()).unwrap_err();
    assert_eq!((missing.status(), missing.status_code().as_u16()), (404, 404));
    runtime.stop().await;
}
