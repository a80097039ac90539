//! Servers over HTTP that are not there yet, or are and refuse: by whoever stands before them.

use super::*;

/// What a server of the older era with the tool `echo` answers.
fn served(request: &Value) -> String {
    let result = match request["method"].as_str().unwrap_or_default() {
        "initialize" => {
            json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "e", "version": "1"}})
        }
        "tools/list" => json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}),
        "tools/call" => json!({"content": [{"type": "text", "text": "here"}]}),
        method if method.starts_with("notifications/") => return response("202 Accepted", ""),
        "server/discover" => return response("400 Bad Request", ""),
        _ => json!({}),
    };
    let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string();
    response("200 OK", &answer)
}

fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// A server whose answers to these requests `refuse` writes.
pub(crate) fn refusing(
    refuse: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> impl Fn(&Seen, &mut Wire) -> Then {
    move |seen, wire| {
        let (body, _) = wire.body_of(&seen.headers);
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        let refused = refuse(request["method"].as_str().unwrap_or_default());
        wire.send(refused.unwrap_or_else(|| served(&request)));
        Then::Keep
    }
}

#[test]
fn a_server_that_comes_up_late_is_met_within_seconds_and_by_the_call_that_waits() {
    let (ostler, port) = (ostler(), TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let server = register(&ostler.admin(), &format!("http://127.0.0.1:{port}/mcp"));
    // More attempts than a server that crashes has.
    let attempts = || server.details().is(200).number("/runtimeStatus/restarts");
    eventually("it is tried a sixth time", || (attempts() >= 5).then_some(()));
    thread::scope(|scope| {
        let call = scope.spawn(|| echo(&server, "x").is(200).said());
        let _upstream = Upstream::listen(([127, 0, 0, 1], port).into(), refusing(|_| None));
        assert_eq!(call.join().unwrap(), "here");
        server.becomes("running");
    });
}

#[test]
fn a_server_that_is_busy_stays_so_for_its_callers() {
    let ostler = ostler();
    for (status, pause) in [("503 Service Unavailable", "7"), ("429 Too Many Requests", "9"), ("502 Bad Gateway", "")] {
        let upstream = Upstream::start(refusing(move |method| {
            let field = if pause.is_empty() { String::new() } else { format!("\r\nRetry-After: {pause}") };
            (method == "tools/call").then(|| response(&format!("{status}{field}"), ""))
        }));
        let server = register(&ostler.admin(), &format!("http://{}/mcp", upstream.address));
        server.becomes("running");
        let busy = echo(&server, "x").problem(503, "server_unavailable");
        assert!(busy.text().contains(status.split(' ').next().unwrap()), "{}", busy.text());
        assert_eq!(busy.header("retry-after"), Some(if pause.is_empty() { "1" } else { pause }));
        assert_eq!(server.status(), "running", "it is no crash");
    }
}

#[test]
fn a_redirect_is_not_followed_but_its_place_is_named() {
    let upstream = Upstream::start(refusing(|_| Some(response("307 Temporary Redirect\r\nLocation: /mcp/", ""))));
    let ostler = ostler();
    let server = register(&ostler.admin(), &format!("http://{}/mcp", upstream.address));
    let reason = eventually("it has failed", || {
        let details = server.details().is(200);
        details.at("/runtimeStatus/lastExit").is_object().then(|| details.string("/runtimeStatus/lastExit/reason"))
    });
    assert!(reason.contains("leads to /mcp/, but redirects are not followed"), "{reason}");
}
