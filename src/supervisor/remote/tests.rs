//! The transport against a server in the test that sends exactly the given bytes.

mod raw_server;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use super::*;
use crate::{mcp::Frame, model::Remote};

pub(in crate::supervisor) use raw_server::{RawServer, Seen, json, say};

/// A stream of events that ends.
fn events(stream: &mut TcpStream, text: &str) {
    begin(stream, text);
    let _ = write!(stream, "0\r\n\r\n");
}

/// A stream of events that goes on.
fn begin(stream: &mut TcpStream, text: &str) {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked";
    let _ = write!(stream, "{head}\r\n\r\n");
    go_on(stream, text);
}

fn go_on(stream: &mut TcpStream, text: &str) {
    let _ = write!(stream, "{:x}\r\n{text}\r\n", text.len());
}

async fn next(inbox: &mut mpsc::Receiver<RemoteEvent>) -> RemoteEvent {
    let next = tokio::time::timeout(Duration::from_secs(20), inbox.recv());
    next.await.expect("nothing was heard").expect("the transport ended without saying why")
}

/// The next message, past what is said to people.
async fn message(inbox: &mut mpsc::Receiver<RemoteEvent>) -> String {
    loop {
        match next(inbox).await {
            RemoteEvent::Frame(Frame::Line(line)) => return String::from_utf8(line.to_vec()).unwrap(),
            RemoteEvent::Note(_) => {}
            it @ (RemoteEvent::Frame(_) | RemoteEvent::Failed { .. } | RemoteEvent::Closed(_)) => panic!("{it:?}"),
        }
    }
}

async fn failed(inbox: &mut mpsc::Receiver<RemoteEvent>) -> (String, RemoteFailure) {
    loop {
        match next(inbox).await {
            RemoteEvent::Failed { id, failure } => return (id.get().to_owned(), failure),
            RemoteEvent::Note(_) => {}
            other @ (RemoteEvent::Frame(_) | RemoteEvent::Closed(_)) => panic!("no failure: {other:?}"),
        }
    }
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const GREETING: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{}}}"#;

fn call(id: u64) -> bytes::Bytes {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t","arguments":{{}}}}}}"#).into()
}

fn modern(id: &str, method: &str, members: &str) -> bytes::Bytes {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{{{members}{meta}}}}}\n").into()
}

/// A session of the older era in which calls are answered by `answer`.
fn in_session(answer: impl Fn(&Seen, &mut TcpStream) + Send + Sync + 'static) -> RawServer {
    RawServer::start(move |seen, stream| match seen.method.as_str() {
        "POST" if seen.says("\"initialize\"") => {
            say(stream, "200 OK", "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n", GREETING);
        }
        "POST" if seen.says("notifications/") => say(stream, "202 Accepted", "", ""),
        "DELETE" => say(stream, "200 OK", "", ""),
        _ => answer(seen, stream),
    })
}

async fn greeted(server: &RawServer) -> (LineSender, mpsc::Receiver<RemoteEvent>) {
    let (sender, mut inbox) = server.connect();
    sender.send(INITIALIZE.into()).unwrap();
    assert_eq!(message(&mut inbox).await, GREETING);
    sender.send(INITIALIZED.into()).unwrap();
    (sender, inbox)
}

#[actix::test]
async fn a_session_is_opened_used_and_ended() {
    let server = in_session(|seen, stream| match seen.method.as_str() {
        "GET" => say(stream, "405 Method Not Allowed", "", ""),
        _ => json(stream, "{\"jsonrpc\":\"2.0\",\n \"id\":2,\"result\":{\"x\":1e400}}"),
    });
    let (sender, mut inbox) = greeted(&server).await;
    sender.send(call(2)).unwrap();
    assert_eq!(message(&mut inbox).await, r#"{"jsonrpc":"2.0",  "id":2,"result":{"x":1e400}}"#);
    server.heard(|seen| seen.method == "GET").await;
    drop(sender);
    while inbox.recv().await.is_some() {}
    let seen = server.seen();
    let of =
        |method: &str, part: &str| seen.iter().find(|seen| seen.method == method && seen.says(part)).unwrap().clone();
    assert_eq!(of("POST", "\"initialize\"").header("mcp-session-id"), "");
    assert_eq!(of("POST", "\"initialize\"").header("accept"), "application/json, text/event-stream");
    for request in [of("POST", "initialized"), of("GET", ""), of("POST", "tools/call"), of("DELETE", "")] {
        let headers = ["mcp-session-id", "mcp-protocol-version", "x-key"].map(|name| request.header(name));
        assert_eq!(headers, ["s-1", "2025-06-18", "k"], "{request:?}");
        assert_eq!(request.header("mcp-method"), "");
    }
}

#[actix::test]
async fn requests_of_the_stateless_era_repeat_themselves_in_the_head() {
    let server = RawServer::start(|seen, stream| {
        let tools = r#"[{"name":"good","vendor":1.50,"inputSchema":{"type":"object","properties":{"r":{"type":"string","x-mcp-header":"R"}}}},{"name":"bad","inputSchema":{"properties":{"r":{"type":"number","x-mcp-header":"R"}}}}]"#;
        match seen.header("mcp-method") {
            "tools/list" => {
                json(stream, &format!(r#"{{"id":1,"jsonrpc":"2.0","result":{{"ttlMs":0,"tools":{tools}}}}}"#))
            }
            _ => events(
                stream,
                ": hi\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{}}\n\n",
            ),
        }
    });
    let (sender, mut inbox) = server.connect();
    sender.send(modern("1", "tools/list", "")).unwrap();
    assert!(matches!(next(&mut inbox).await, RemoteEvent::Note(text) if text.contains("the tool bad is left out")));
    assert_eq!(
        message(&mut inbox).await,
        r#"{"id":1,"jsonrpc":"2.0","result":{"ttlMs":0,"tools":[{"name":"good","vendor":1.50,"inputSchema":{"type":"object","properties":{"r":{"type":"string","x-mcp-header":"R"}}}}]}}"#
    );
    sender.send(modern("\"a\"", "tools/call", r#""name":"good","arguments":{"r":"ü"},"#)).unwrap();
    assert_eq!(message(&mut inbox).await, r#"{"jsonrpc":"2.0","method":"n"}"#);
    assert_eq!(message(&mut inbox).await, r#"{"jsonrpc":"2.0","id":"a","result":{}}"#);
    let call = server.seen().pop().unwrap();
    let headers = ["mcp-protocol-version", "mcp-method", "mcp-name", "mcp-param-r", "mcp-session-id"];
    assert_eq!(headers.map(|name| call.header(name)), ["2026-07-28", "tools/call", "good", "=?base64?w7w=?=", ""]);
}

#[actix::test]
async fn a_stream_that_breaks_off_is_taken_up_after_its_last_event() {
    let server = in_session(|seen, stream| match (seen.method.as_str(), seen.header("last-event-id")) {
        ("GET", "7") => events(stream, "id: 8\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n\n"),
        ("GET", _) => say(stream, "405 Method Not Allowed", "", ""),
        _ => events(stream, "id: 7\nretry: 30\ndata:\n\n"),
    });
    let (sender, mut inbox) = greeted(&server).await;
    sender.send(call(2)).unwrap();
    assert_eq!(message(&mut inbox).await, r#"{"jsonrpc":"2.0","id":2,"result":{}}"#);
}

#[actix::test]
async fn a_body_without_a_response_fails_its_request() {
    let server = RawServer::start(|seen, stream| match seen.header("mcp-name") {
        "status" => say(stream, "503 Service Unavailable", "", "busy"),
        "busy" => {
            let error = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"busy"}}"#;
            say(stream, "429 Too Many Requests", "Content-Type: application/json\r\nRetry-After: 7\r\n", error);
        }
        "redirect" => say(stream, "302 Found", "Location: http://127.0.0.1:1/\r\n", ""),
        "nonsense" => json(stream, "hello"),
        "nothing" => say(stream, "202 Accepted", "", ""),
        "cut" => events(stream, "data: {\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n\ndata: {"),
        "error" => say(
            stream,
            "404 Not Found",
            "Content-Type: application/json\r\n",
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no"}}"#,
        ),
        _ => {}
    });
    let (sender, mut inbox) = server.connect();
    let ask = |name: &str| sender.send(modern("5", "tools/call", &format!(r#""name":"{name}","#))).unwrap();
    let refusal = |status, location: Option<&str>, seconds: Option<u64>| {
        let (location, retry_after) = (location.map(str::to_owned), seconds.map(Duration::from_secs));
        RemoteFailure::Refused(HttpRefusal { status, location, retry_after })
    };
    let place = "http://127.0.0.1:1/";
    for (name, expected) in [
        ("status", refusal(503, None, None)),
        ("busy", refusal(429, None, Some(7))),
        ("redirect", refusal(302, Some(place), None)),
    ] {
        ask(name);
        assert_eq!(failed(&mut inbox).await, ("5".to_owned(), expected), "{name}");
    }
    assert!(refusal(307, Some(place), None).to_string().contains("leads to http://127.0.0.1:1/"));
    for name in ["nonsense", "nothing", "closed"] {
        ask(name);
        assert!(matches!(failed(&mut inbox).await.1, RemoteFailure::Broken(_)), "{name}");
    }
    ask("cut");
    assert_eq!(message(&mut inbox).await, r#"{"jsonrpc":"2.0","method":"n"}"#);
    assert!(matches!(failed(&mut inbox).await.1, RemoteFailure::Broken(_)));
    ask("error");
    assert_eq!(message(&mut inbox).await.trim(), r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32601,"message":"no"}}"#);
}

#[actix::test]
async fn an_answer_may_end_with_its_connection() {
    let server = RawServer::start(|seen, stream| {
        let (kind, body) = match seen.header("mcp-name") {
            "events" => ("text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{}}\n\n"),
            _ => ("application/json", r#"{"jsonrpc":"2.0","id":5,"result":{}}"#),
        };
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\n\r\n{body}");
    });
    let (sender, mut inbox) = server.connect();
    for name in ["json", "events"] {
        sender.send(modern("5", "tools/call", &format!(r#""name":"{name}","#))).unwrap();
        assert_eq!(message(&mut inbox).await, r#"{"jsonrpc":"2.0","id":5,"result":{}}"#, "{name}");
    }
}

#[actix::test]
async fn a_server_that_is_not_there_has_got_nothing() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let remote = Remote::new(format!("http://127.0.0.1:{port}/"));
    let at = |private_addresses| {
        let target = RemoteTarget { remote: remote.clone(), private_addresses, authority: Authority::default() };
        connect(&target, &Arc::default())
    };
    let (sender, mut inbox) = at(true).unwrap();
    sender.send(call(1)).unwrap();
    let (_, failure) = failed(&mut inbox).await;
    assert!(matches!(failure, RemoteFailure::Unreachable(_)) && !failure.may_have_acted(), "{failure}");
    assert!(at(false).is_err());
}

#[actix::test]
async fn a_lost_session_ends_the_connection_and_the_request_may_go_elsewhere() {
    let answers = [
        ("404 Not Found", "gone"),
        (
            "400 Bad Request",
            r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID"},"id":null}"#,
        ),
    ];
    for (status, body) in answers {
        let server = in_session(move |_, stream| say(stream, status, "", body));
        let (sender, mut inbox) = greeted(&server).await;
        sender.send(call(2)).unwrap();
        assert_eq!(failed(&mut inbox).await, ("2".to_owned(), RemoteFailure::SessionLost));
        assert!(matches!(next(&mut inbox).await, RemoteEvent::Closed(_)));
        assert!(inbox.recv().await.is_none());
    }
}

#[actix::test]
async fn cancelling_closes_the_stream_or_notifies_the_server() {
    let (closed, mut was_closed) = mpsc::unbounded_channel();
    let hang = move |stream: &mut TcpStream| {
        begin(stream, "data: {\"jsonrpc\":\"2.0\",\"method\":\"begun\"}\n\n");
        let _ = closed.send(stream.read(&mut [0]).unwrap_or_default());
    };
    let server = in_session(move |seen, stream| match seen.method.as_str() {
        "GET" => say(stream, "405 Method Not Allowed", "", ""),
        _ => hang(stream),
    });
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#;
    let told = || server.seen().iter().filter(|seen| seen.says("cancelled")).count();

    let (sender, mut inbox) = server.connect();
    sender.send(modern("2", "tools/call", "")).unwrap();
    message(&mut inbox).await;
    sender.send(cancel.into()).unwrap();
    assert_eq!((was_closed.recv().await, told()), (Some(0), 0));

    let (sender, mut inbox) = greeted(&server).await;
    sender.send(call(2)).unwrap();
    message(&mut inbox).await;
    sender.send(cancel.into()).unwrap();
    assert_eq!(was_closed.recv().await, Some(0));
    server.heard(|seen| seen.says("cancelled")).await;
}

#[actix::test]
async fn a_server_of_2024_is_spoken_to_over_its_stream() {
    let (posted, streamed) = std::sync::mpsc::channel::<()>();
    let (posted, streamed) = (Mutex::new(posted), Mutex::new(streamed));
    let server = RawServer::start(move |seen, stream| match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/messages?s=1") => {
            say(stream, "202 Accepted", "", "Accepted");
            posted.lock().unwrap().send(()).unwrap();
        }
        ("GET", _) => {
            begin(stream, "event: endpoint\ndata: /messages?s=1\n\n");
            let streamed = streamed.lock().unwrap();
            streamed.recv().unwrap();
            go_on(stream, &format!("event: message\ndata: {GREETING}\n\n"));
            streamed.recv().unwrap();
            go_on(stream, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n\n");
        }
        _ => say(stream, "405 Method Not Allowed", "", ""),
    });
    let (sender, mut inbox) = server.connect();
    sender.send(INITIALIZE.into()).unwrap();
    assert_eq!(message(&mut inbox).await, GREETING);
    sender.send(call(2)).unwrap();
    assert_eq!(message(&mut inbox).await, r#"{"jsonrpc":"2.0","id":2,"result":{}}"#);
    assert!(matches!(next(&mut inbox).await, RemoteEvent::Closed(why) if why.contains("stream")));
}

#[actix::test]
async fn server_initiated_messages_come_by_a_separate_stream() {
    let server = in_session(|seen, stream| match seen.header("last-event-id") {
        "" => {
            let long = "x".repeat(crate::mcp::MAX_LINE + (1 << 20));
            let first = "id: 1\nretry: 20\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"first\"}";
            events(stream, &format!("data: {{\"long\":\"{long}\n\n{first}\n\n"));
        }
        _ => events(stream, "id: 2\nretry: 60000\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"second\"}\n\n"),
    });
    let (_sender, mut inbox) = greeted(&server).await;
    assert!(
        matches!(next(&mut inbox).await, RemoteEvent::Frame(Frame::Oversized { head, .. }) if head.starts_with(b"{\"long\""))
    );
    assert!(message(&mut inbox).await.contains("first"));
    assert!(message(&mut inbox).await.contains("second"));
}

#[actix::test]
async fn an_answer_over_the_cap_is_reported_as_too_long() {
    let server = RawServer::start(|_, stream| json(stream, &format!("\"{}\"", "x".repeat(crate::mcp::MAX_LINE))));
    let (sender, mut inbox) = server.connect();
    sender.send(modern("9", "tools/call", "")).unwrap();
    assert!(
        matches!(next(&mut inbox).await, RemoteEvent::Frame(Frame::Oversized { head, .. }) if head.ends_with(b"\"id\":9,"))
    );
}
