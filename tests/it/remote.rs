//! Servers over HTTP, registered and called like any other.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use crate::support::{
    real::node_servers,
    upstream::{Then, Upstream},
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
    for host in ["127.0.0.1", "localhost", "[::1]", "127.1", "0x7f000001"] {
        let server = register(&ostler.admin(), &format!("http://{host}:{}/mcp", upstream.port()));
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
