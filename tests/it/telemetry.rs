//! Traces: what a collector is told of a request, and that no collector can harm one.

mod collectors;
mod gateway;
mod mcp;
mod sampling;

use crate::support::{collector::Collector, *};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

#[test]
fn a_call_is_one_trace_from_the_http_request_over_the_wait_to_the_server() {
    let collector = Collector::start();
    let ostler = collector.setup().env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test").spawn();
    let server = ostler.admin().register(fake_with("slow-start", &["300"]).named("slow"));
    server.start();
    server.stop().is(200);
    let starting = server.clone();
    let beginning = std::thread::spawn(move || starting.start().is(200));
    eventually("it is starting", || (server.status() != "stopped").then_some(()));
    let line: Value =
        serde_json::from_str(&server.call("received", json!({"secret": "s3cret"})).is(200).said()).unwrap();
    beginning.join().unwrap();

    let http = collector.span("POST /api/mcp/{id}/execute", SpanKind::Server);
    let client = collector.span("tools/call received", SpanKind::Client);
    let wait = collector.span("wait for server", SpanKind::Internal);
    http.has(&[
        ("http.request.method", "POST"),
        ("http.route", "/api/mcp/{id}/execute"),
        ("url.path", &server.path("/execute")),
        ("url.scheme", "http"),
        ("http.response.status_code", "200"),
        ("error.type", ""),
    ]);
    client.is_in(&http).has(&[
        ("mcp.method.name", "tools/call"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "received"),
        ("jsonrpc.request.id", &line["id"].to_string()),
        ("mcp.protocol.version", "2025-11-25"),
        ("network.transport", "pipe"),
        ("ostler.server.id", &server.id),
        ("ostler.server.name", "slow"),
    ]);
    assert!(wait.is_in(&http).end <= client.start, "{wait:#?}\n{client:#?}");
    assert_eq!((http.parent.as_str(), client.is_error), ("", false));
    assert_eq!(line.pointer("/params/_meta/traceparent"), Some(&json!(client.traceparent())));
    server.logs().has("/items/0/traceId", http.trace.clone());
    assert_eq!(http.resource["service.name"], "ostler");
    assert_eq!(http.resource["deployment.environment.name"], "test");
    let told = format!("{:?}", collector.spans());
    assert!(!told.contains("s3cret"), "{told}");
}

#[test]
fn a_caller_who_traces_finds_the_request_in_their_own_trace() {
    let collector = Collector::start();
    let ostler = collector.setup().env("OTEL_SERVICE_NAME", "inn").spawn();
    let server = ostler.admin().running(fake("ok"));
    let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let ask = server.caller.ask("POST", &server.path("/execute")).json(&json!({"toolName": "fail"}));
    let problem = ask.header("traceparent", &format!("00-{trace}-{span}-01")).send();
    problem.problem(400, "tool_execution_failed");
    let client = collector.span("tools/call fail", SpanKind::Client);
    let http = collector.span("POST /api/mcp/{id}/execute", SpanKind::Server);
    assert_eq!((http.trace.as_str(), http.parent.as_str(), http.is_error), (trace, span, false));
    http.has(&[("http.response.status_code", "400"), ("error.type", "")]);
    client.is_in(&http).has(&[("error.type", "tool_error")]);
    assert!(client.is_error);
    assert_eq!(http.resource["service.name"], "inn");
}

#[test]
fn what_is_no_answer_says_why_in_a_word() {
    let collector = Collector::start();
    let ostler = collector.setup().spawn();
    let server = ostler.admin().running(fake("ok"));
    server.call_within("sleep", json!({"ms": 60_000}), 50).problem(504, "call_timeout");
    let client = collector.span("tools/call sleep", SpanKind::Client);
    client.has(&[("error.type", "timeout")]);
    let http = collector.span_where("the refusal", |one| one.says("http.response.status_code") == "504");
    client.is_in(&http);
    http.has(&[("error.type", "504")]);
    server.call("no-such-tool", json!({})).problem(400, "tool_execution_failed");
    let unknown = collector.span("tools/call no-such-tool", SpanKind::Client);
    unknown.has(&[("error.type", "-32602"), ("rpc.response.status_code", "-32602")]);
    server.stop().is(200);
    server.call("echo", json!({})).problem(503, "server_unavailable");
    collector.span("tools/call echo", SpanKind::Client).has(&[("error.type", "server_unavailable")]);
}
