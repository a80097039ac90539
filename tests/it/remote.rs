//! Servers over HTTP, registered and called like any other.

pub(crate) mod refusals;

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::support::{
    processes::{peak_kib, resident_kib},
    real::node_servers,
    upstream::{Seen, Then, Upstream},
    wire::Wire,
    *,
};

fn ostler() -> Ostler {
    Ostler::with(&[("MCP_PRIVATE_ADDRESSES", "true")])
}

fn register(caller: &Caller, url: &str) -> Server {
    let id = caller.post("/api/mcp", json!({"name": "far", "url": url})).is(201).string("/id");
    caller.server(&id)
}

fn until(server: &Server, health: &str) -> Answer {
    eventually(&format!("its health is {health}"), || {
        let answer = server.details().is(200);
        (answer.string("/server/healthStatus") == health).then_some(answer)
    })
}

fn echo(server: &Server, message: &str) -> Answer {
    server.caller.post(&server.path("/execute"), json!({"toolName": "echo", "parameters": {"message": message}}))
}

/// The reference server over HTTP, in one of its two transports.
struct Everything {
    child: Child,
    port: u16,
}

impl Everything {
    fn start(transport: &str, port: Option<u16>) -> Option<Self> {
        let main = node_servers()?.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
        let port = port.unwrap_or_else(|| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let mut command = Command::new("node");
        command.arg(main).arg(transport).env("PORT", port.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let everything = Self { child: command.spawn().unwrap(), port };
        eventually("it listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Some(everything)
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_reference_server_is_called_over_http_and_survives_its_restart() {
    let Some(everything) = Everything::start("streamableHttp", None) else { return };
    let (ostler, port) = (ostler(), everything.port);
    let server = register(&ostler.admin(), &format!("http://127.0.0.1:{port}/mcp"));
    let details = until(&server, "HEALTHY").has("/runtimeStatus/protocolVersion", "2025-11-25");
    details.has("/runtimeStatus/pid", Value::Null);
    assert!(echo(&server, "oats").is(200).text().contains("Echo: oats"));
    drop(everything);
    let Some(_everything) = Everything::start("streamableHttp", Some(port)) else { return };
    // Its session is gone: the call is sent again in a new one.
    assert!(echo(&server, "hay").is(200).text().contains("Echo: hay"));
    server.caller.delete(&server.path("")).is(204);
}

#[test]
fn a_server_of_2024_is_called_over_its_stream() {
    let Some(everything) = Everything::start("sse", None) else { return };
    let ostler = ostler();
    let server = register(&ostler.admin(), &format!("http://127.0.0.1:{}/sse", everything.port));
    until(&server, "HEALTHY");
    assert!(echo(&server, "oats").is(200).text().contains("Echo: oats"));
}

#[test]
fn a_server_at_a_private_address_is_not_dialled_unless_that_is_allowed() {
    let upstream = Upstream::saying("{}");
    let ostler = Ostler::with(&[("MCP_AUTO_RESTART", "false")]);
    let url = |host: &str| format!("http://{host}:{}/mcp", upstream.port());
    for address in ["127.0.0.1", "[::1]"] {
        let refused = ostler.admin().post("/api/mcp", json!({"name": "far", "url": url(address)}));
        let fault = refused.problem(422, "validation_failed").string("/errors/0/message");
        assert!(fault.contains("MCP_PRIVATE_ADDRESSES"), "{fault}");
    }
    for host in ["localhost", "127.1", "0x7f000001"] {
        let server = register(&ostler.admin(), &url(host));
        let details = until(&server, "ERROR");
        let reason = details.string("/runtimeStatus/lastExit/reason");
        assert!(reason.contains("MCP_PRIVATE_ADDRESSES"), "{host}: {reason}");
    }
    assert!(upstream.seen().is_empty());
}

#[test]
fn redirects_are_not_followed_and_headers_go_to_the_server_alone() {
    let elsewhere = Upstream::saying("{}");
    let place = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
        elsewhere.address
    );
    let upstream = Upstream::start(move |seen, wire| {
        wire.body_of(&seen.headers);
        wire.send(place.clone());
        Then::Keep
    });
    let ostler = Ostler::with(&[("MCP_PRIVATE_ADDRESSES", "true"), ("MCP_AUTO_RESTART", "false")]);
    let config =
        json!({"name": "far", "url": format!("http://{}/mcp", upstream.address), "headers": {"X-Key": "hidden key"}});
    let id = ostler.admin().post("/api/mcp", config).is(201).string("/id");
    let server = ostler.admin().server(&id);
    let reason = until(&server, "ERROR").string("/runtimeStatus/lastExit/reason");
    assert!(reason.contains("307") && reason.contains("redirects are not followed"), "{reason}");
    assert!(elsewhere.seen().is_empty());
    assert_eq!(upstream.last().header("x-key"), Some("hidden key"));
    assert!(upstream.seen().iter().all(|seen| seen.header("authorization").is_none()));
    assert!(!server.caller.get(&server.path("/output")).is(200).text().contains("hidden key"));
}

/// In what form a server answers.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Json,
    Events,
}

impl Form {
    fn head(self) -> &'static str {
        match self {
            Self::Json => "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
            Self::Events => "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        }
    }

    /// An answer around a text of this many bytes.
    fn answer(self, id: &Value, bytes: usize) -> String {
        let text = "x".repeat(bytes);
        let content = format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#);
        let message = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{content}}}"#);
        match self {
            Self::Json => message,
            Self::Events => format!("event: message\ndata: {message}\n\n"),
        }
    }
}

/// A server whose tool `big` answers at length, and whose tool `unfinished` begins to, and never ends.
/// Counts what was begun, once it was taken or refused.
fn wordy(form: Form, begun: Arc<AtomicUsize>) -> Upstream {
    Upstream::start(move |seen, wire| {
        let (body, _) = wire.body_of(&seen.headers);
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (id, params) = (&message["id"], &message["params"]);
        let result = match message["method"].as_str() {
            Some("initialize") => json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "w", "version": "1"}}),
            Some("tools/list") => {
                json!({"tools": [{"name": "big", "inputSchema": {}}, {"name": "unfinished", "inputSchema": {}}]})
            }
            Some("tools/call") => {
                let answer = form.answer(id, params["arguments"]["bytes"].as_u64().unwrap() as usize);
                let is_whole = params["name"] == "big";
                let part = &answer[..answer.len() - if is_whole { 0 } else { 4 }];
                wire.send(format!("HTTP/1.1 200 OK\r\n{}{:x}\r\n{part}\r\n", form.head(), part.len()));
                if !is_whole {
                    begun.fetch_add(1, Ordering::SeqCst);
                    // Until the other side hangs up.
                    while wire.exact(1).is_some() {}
                    return Then::Close;
                }
                wire.send("0\r\n\r\n");
                return Then::Keep;
            }
            Some("ping") => json!({}),
            Some("notifications/initialized" | "notifications/cancelled") => {
                wire.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
                return Then::Keep;
            }
            _ => {
                wire.send("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n");
                return Then::Keep;
            }
        };
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
        let length = answer.len();
        wire.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{answer}"
        ));
        Then::Keep
    })
}

#[test]
fn the_unfinished_answers_of_servers_over_http_share_the_budget_of_processes_and_cost_no_honest_answer() {
    let (ostler, forms, begun) = (ostler(), [Form::Json, Form::Events], Arc::<AtomicUsize>::default());
    let admin = ostler.admin();
    let at = |upstream: &Upstream, name: String| {
        let body = json!({"name": name, "url": format!("http://{}/mcp", upstream.address)});
        let server = admin.server(&admin.post("/api/mcp", body).is(201).string("/id"));
        until(&server, "HEALTHY");
        server
    };
    let upstreams: Vec<_> = (0..6).map(|number| wordy(forms[number % 2], begun.clone())).collect();
    let far: Vec<_> = upstreams.iter().enumerate().map(|(n, one)| at(one, format!("far-{n}"))).collect();
    let near = together(4, |number| admin.running(fake("ok").named(&format!("near-{number}"))));
    let (honest, hostile) = (&far[..2], [&far[2..], &near].concat());
    let before = resident_kib(ostler.pid());
    let grown = |now: u64| now.saturating_sub(before) >> 10;

    // Four answers by each server over HTTP, and one by each process.
    let unfinished = |number: usize| {
        let server = &hostile[if number < 16 { number % 4 } else { number - 12 }];
        server.call_within("unfinished", json!({"bytes": 15_900_000}), 300_000)
    };
    thread::scope(|scope| {
        let answers = scope.spawn(|| together(20, unfinished));
        within(seconds(120), "all were taken or refused", || (begun.load(Ordering::SeqCst) == 16).then_some(()));
        let most = grown(peak_kib(ostler.pid()));
        assert!((32..120).contains(&most), "memory grew by up to {most} MiB");
        let serve = |bytes: usize| {
            let answers = together(2, |number| honest[number].call("big", json!({"bytes": bytes})).is(200).said());
            assert!(answers.iter().all(|text| text.len() == bytes));
        };
        serve(10_000_000);
        drop(together(hostile.len(), |number| hostile[number].stop().is(200)));
        let dropped = answers.join().unwrap().into_iter().filter(|answer| answer.status == 400).count();
        // The allocator gives memory back when a thread next asks it for much.
        within(seconds(20), "memory is back", || {
            serve(1_000_000);
            (grown(resident_kib(ostler.pid())) < 32).then_some(())
        });
        eprintln!("20 answers, {dropped} dropped: {most} MiB at most, {} left", grown(resident_kib(ostler.pid())));
    });
}
