//! Servers over HTTP under the same supervision as processes.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use serde_json::value::{RawValue, to_raw_value};

use super::*;
use crate::{
    model::Remote,
    supervisor::remote::{
        Authority,
        tests::{RawServer, Seen, json, say},
    },
};

fn at(target: RemoteTarget) -> Arc<Launch> {
    Arc::new(Launch { remote: Some(target), ..Launch::clone(&run("unused", &[])) })
}

fn arguments() -> Box<RawValue> {
    to_raw_value(&serde_json::json!({})).unwrap()
}

async fn ready(supervised: &Supervised, after: u64) -> Arc<ServerInstance> {
    let is_next =
        |view: &ChildView| matches!(&view.availability, Availability::Ready(instance) if instance.generation > after);
    let Availability::Ready(instance) = supervised.until(is_next).await.availability else { panic!("not ready") };
    instance
}

fn id(seen: &Seen) -> u64 {
    serde_json::from_str::<serde_json::Value>(&seen.body).unwrap()["id"].as_u64().unwrap()
}

/// A server of the legacy era that forgets its sessions, or refuses to list its tools, on request.
struct Forgetful {
    server: RawServer,
    epoch: Arc<AtomicU64>,
    refuses_lists: Arc<AtomicBool>,
}

fn forgetful() -> Forgetful {
    forgetful_at("127.0.0.1:0")
}

fn forgetful_at(address: &str) -> Forgetful {
    let (epoch, refuses_lists) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let (now, refuses) = (epoch.clone(), refuses_lists.clone());
    let server = RawServer::start_at(address, move |seen, stream| {
        let session = now.load(SeqCst).to_string();
        let result = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, id(seen));
        let greeting =
            r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"f","version":"1"}}"#;
        match seen.method.as_str() {
            "GET" => say(stream, "405 Method Not Allowed", "", ""),
            "DELETE" => say(stream, "200 OK", "", ""),
            _ if seen.says("server/discover") => say(stream, "400 Bad Request", "", "what?"),
            _ if seen.says("\"initialize\"") => {
                let headers = format!("Content-Type: application/json\r\nMcp-Session-Id: {session}\r\n");
                say(stream, "200 OK", &headers, &result(greeting));
            }
            _ if seen.header("mcp-session-id") != session => say(stream, "404 Not Found", "", "who?"),
            _ if seen.says("notifications/") => say(stream, "202 Accepted", "", ""),
            _ if seen.says("tools/list") && !refuses.load(SeqCst) => {
                json(stream, &result(r#"{"tools":[{"name":"t","inputSchema":{}}]}"#))
            }
            _ if seen.says("tools/call") => json(stream, &result(r#"{"content":[]}"#)),
            _ => say(stream, "503 Service Unavailable", "", ""),
        }
    });
    Forgetful { server, epoch, refuses_lists }
}

#[actix::test]
async fn a_lost_session_is_reopened_and_its_calls_sent_again() {
    let Forgetful { server, epoch, .. } = forgetful();
    let supervised = supervised_as(RestartPolicy::default(), at(server.target())).await;
    let first = ready(&supervised, 0).await;
    assert_eq!(first.tools().len(), 1);
    let answer = first.call_tool("t", &arguments(), None, None).answer().await;
    assert!(matches!(answer, Answer::Result(_)), "{answer:?}");

    epoch.fetch_add(1, SeqCst);
    let answer = first.call_tool("t", &arguments(), None, None).answer().await;
    assert!(matches!(answer, Answer::NotSent), "{answer:?}");
    let second = ready(&supervised, first.generation).await;
    let answer = second.call_tool("t", &arguments(), None, None).answer().await;
    assert!(matches!(answer, Answer::Result(_)), "{answer:?}");
    let view = supervised.until(|_| true).await;
    assert_eq!((view.last_exit, view.restarts, view.status), (None, 0, Status::Running), "that is no crash");
    supervised.end().await;
    server.heard(|seen| seen.method == "DELETE").await;
}

#[actix::test]
async fn a_server_that_loses_every_session_is_left_alone_in_the_end() {
    let Forgetful { server, epoch, .. } = forgetful();
    let policy = RestartPolicy { max_retries: 1, ..Default::default() };
    let supervised = supervised_as(policy, at(server.target())).await;
    let mut after = 0;
    // The first five are opened again at once, the sixth is a failure, and so is the seventh.
    for _ in 0..7 {
        let instance = ready(&supervised, after).await;
        after = instance.generation;
        epoch.fetch_add(1, SeqCst);
        let answer = instance.call_tool("t", &arguments(), None, None).answer().await;
        assert!(matches!(answer, Answer::NotSent), "{answer:?}");
    }
    let view = supervised.until(|view| view.status == Status::Failed).await;
    assert_eq!((view.restarts, view.last_exit.unwrap().reason.as_str()), (1, "ended its session again and again"));
    supervised.end().await;
}

#[actix::test]
async fn a_server_that_was_not_there_is_found_as_soon_as_it_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let remote = Remote::new(format!("http://{address}/mcp"));
    let target = RemoteTarget { remote, private_addresses: true, authority: Authority::default() };
    let policy = RestartPolicy { max_retries: 1, unreachable_retries: 2, ..Default::default() };
    let supervised = supervised_as(policy, at(target)).await;
    supervised.until(|view| view.status == Status::Failed).await;
    let wake = || supervised.supervisor.send(messages::WakeServer { id: supervised.id });
    wake().await.unwrap();
    supervised.until(|view| view.status == Status::Failed).await;
    let Forgetful { server, .. } = forgetful_at(&address.to_string());
    wake().await.unwrap();
    ready(&supervised, 0).await;
    supervised.end().await;
    drop(server);
}

#[actix::test]
async fn a_refusal_from_before_the_server_is_no_sign_of_its_life() {
    let Forgetful { server, refuses_lists, .. } = forgetful();
    let supervised = supervised_as(RestartPolicy::default(), at(server.target())).await;
    let instance = ready(&supervised, 0).await;
    // Pings and lists are answered 503, calls are not.
    refuses_lists.store(true, SeqCst);
    assert!(!supervised.supervisor.send(messages::CheckServer { id: supervised.id }).await.unwrap());
    let answer = instance.call_tool("t", &arguments(), None, None).answer().await;
    assert!(matches!(answer, Answer::Result(_)), "{answer:?}");
    supervised.end().await;
}

#[actix::test]
async fn a_server_that_cannot_be_reached_is_tried_again_and_then_given_up() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let remote = Remote::new(format!("http://127.0.0.1:{port}/mcp"));
    for (private_addresses, reason) in [(true, "could not be reached"), (false, "MCP_PRIVATE_ADDRESSES")] {
        let target = RemoteTarget { remote: remote.clone(), private_addresses, authority: Authority::default() };
        let policy = RestartPolicy { max_retries: 1, unreachable_retries: 1, ..Default::default() };
        let supervised = supervised_as(policy, at(target)).await;
        let view = supervised.until(|view| view.status == Status::Failed).await;
        let exit = view.last_exit.unwrap();
        assert!(exit.reason.contains(reason), "{exit:?}");
        assert_eq!(view.restarts, 1);
        supervised.end().await;
    }
}
