//! Clients of both eras: what they ask is a server span of MCP, and what their server is asked a client span within it.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::support::{
    collector::Collector,
    mcp::{LEGACY, Legacy, MODERN, Modern},
    *,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn traceparent() -> String {
    format!("00-{TRACE}-{SPAN}-01")
}

#[test]
fn a_modern_clients_request_is_part_of_the_trace_that_its_message_names() {
    let collector = Collector::start();
    let ostler = collector.setup().spawn();
    let server = ostler.admin().running(fake("ok"));
    let client = Modern::new(&ostler.admin(), &format!("/mcp/{}", server.id));
    let params = json!({"name": "received", "arguments": {}, "_meta": {"traceparent": traceparent()}});
    let answer = client.send("tools/call", params).is(200);
    let line: Value = serde_json::from_str(&answer.string("/result/content/0/text")).unwrap();

    let asked = collector.span("tools/call received", SpanKind::Server);
    let asking = collector.span("tools/call received", SpanKind::Client);
    let http = collector.span("POST /mcp/{id}", SpanKind::Server);
    assert_eq!((asked.trace.as_str(), asked.parent.as_str()), (TRACE, SPAN));
    assert_eq!(asked.links, [http.id], "the message's trace counts, the transport's is linked");
    asked.has(&[
        ("mcp.method.name", "tools/call"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "received"),
        ("jsonrpc.request.id", "q-1"),
        ("mcp.protocol.version", MODERN),
        ("network.transport", "tcp"),
        ("network.protocol.name", "http"),
        ("mcp.session.id", ""),
    ]);
    asking.is_in(&asked).has(&[("network.transport", "pipe"), ("jsonrpc.request.id", &line["id"].to_string())]);
    assert_eq!(line.pointer("/params/_meta/traceparent"), Some(&json!(asking.traceparent())));
}

#[test]
fn a_session_is_named_and_a_request_without_a_trace_is_part_of_the_http_requests() {
    let collector = Collector::start();
    let ostler = collector.setup().spawn();
    let server = ostler.admin().running(fake("ok"));
    let client = Legacy::begin(&ostler.admin(), &format!("/mcp/{}", server.id), LEGACY);
    let ask = client.ask(7, "tools/call", json!({"name": "fail", "arguments": {}}));
    ask.header("traceparent", &traceparent()).send().is(200);
    let asked = collector.span("tools/call fail", SpanKind::Server);
    let asking = collector.span("tools/call fail", SpanKind::Client);
    let http = collector.span_where("the HTTP request", |one| one.name == "POST /mcp/{id}" && one.parent == SPAN);
    asked.is_in(&http).has(&[
        ("jsonrpc.request.id", "7"),
        ("mcp.session.id", &client.session),
        ("mcp.protocol.version", LEGACY),
        ("error.type", "tool_error"),
    ]);
    asking.is_in(&asked).has(&[("error.type", "tool_error")]);
    assert!(asked.is_error && asking.is_error && asked.links.is_empty());
    collector.span("initialize", SpanKind::Server).has(&[("mcp.session.id", &client.session)]);

    client.send(8, "no/such", json!({})).is(200);
    let refused = collector.span("no/such", SpanKind::Server);
    assert_eq!(refused.says("error.type"), refused.says("rpc.response.status_code"));
    assert!(refused.says("error.type").starts_with("-32"), "{refused:?}");
}

#[test]
fn through_the_common_door_a_tool_has_the_name_that_each_side_knows() {
    let collector = Collector::start();
    let ostler = collector.setup().spawn();
    ostler.admin().running(fake("ok").named("horse"));
    let client = Modern::new(&ostler.admin(), "/mcp");
    client.call("horse__echo", json!({"message": "neigh"})).is(200);
    let asked = collector.span("tools/call horse__echo", SpanKind::Server);
    let asking = collector.span("tools/call echo", SpanKind::Client);
    let http = collector.span("POST /mcp", SpanKind::Server);
    asked.is_in(&http);
    asking.is_in(&asked).has(&[("ostler.server.name", "horse")]);
    client.send("tools/list", json!({})).is(200);
    collector.span("tools/list", SpanKind::Server);
}

#[test]
fn a_prompt_is_named_and_a_resource_is_not() {
    let collector = Collector::start();
    let ostler = collector.setup().spawn();
    let server = ostler.admin().running(Spec::new(setup::PROGRAM, json!(["demo-server"])));
    let client = Modern::new(&ostler.admin(), &format!("/mcp/{}", server.id));
    let prompts = client.send("prompts/list", json!({})).is(200);
    let prompt = prompts.string("/result/prompts/0/name");
    client.send("prompts/get", json!({"name": prompt, "arguments": {"text": "s3cret", "topic": "s3cret"}}));
    let resources = client.send("resources/list", json!({})).is(200);
    let uri = resources.string("/result/resources/0/uri");
    client.send("resources/read", json!({"uri": uri})).is(200);
    let asking = collector.span(&format!("prompts/get {prompt}"), SpanKind::Client);
    asking.has(&[("gen_ai.prompt.name", &prompt), ("gen_ai.operation.name", "")]);
    collector.span("resources/read", SpanKind::Client);
    let told = format!("{:?}", collector.spans());
    assert!(!told.contains("s3cret") && !told.contains(&uri), "{told}");
}

#[test]
fn a_trace_goes_on_through_a_server_at_an_address() {
    let collector = Collector::start();
    let back = collector.setup().env("OTEL_SERVICE_NAME", "back").spawn();
    let stable = back.admin().running(fake("ok"));
    let front = collector.setup().env("OTEL_SERVICE_NAME", "front").env("MCP_PRIVATE_ADDRESSES", "true").spawn();
    let headers = json!({"Authorization": format!("Bearer {}", back.admin().token.unwrap())});
    let url = format!("http://{}/mcp/{}", back.address, stable.id);
    let far =
        front.admin().post("/api/mcp", json!({"name": "far", "url": url, "headers": headers})).is(201).string("/id");
    front.admin().server(&far).call("echo", json!({"message": "neigh"})).is(200);
    let of = |service: &str, kind: SpanKind| {
        collector.span_where(&format!("{kind:?} of {service}"), |one| {
            one.name == "tools/call echo" && one.kind == kind && one.resource["service.name"] == service
        })
    };
    let (asking, asked) = (of("front", SpanKind::Client), of("back", SpanKind::Server));
    let port = back.address.port().to_string();
    asking.has(&[("network.transport", "tcp"), ("server.address", "127.0.0.1"), ("server.port", &port)]);
    assert_eq!((&asked.trace, &asked.parent), (&asking.trace, &asking.id));
    of("back", SpanKind::Client).is_in(&asked);
    assert!(!format!("{:?}", collector.spans()).contains("Bearer"));
}
