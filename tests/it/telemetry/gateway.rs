//! Forwarded requests: one span for what the client asked, one for each attempt at an instance.

use std::net::TcpListener;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::support::{
    collector::Collector,
    upstream::{Then, Upstream},
    wire::Wire,
    *,
};

fn register(ostler: &Ostler, ports: &[u16]) {
    let instances: Vec<_> = ports.iter().map(|port| json!({"host": "127.0.0.1", "port": port})).collect();
    let service = json!({"name": "s", "basePath": "/s", "instances": instances, "authentication": false,
        "healthCheck": {"interval": 3_600_000}});
    ostler.admin().post("/api/gateway/services", service).is(201);
}

#[test]
fn a_forwarded_request_is_a_server_span_and_the_instance_is_asked_in_a_client_span() {
    let collector = Collector::start();
    let ostler = collector.setup().spawn();
    let upstream = Upstream::start(|_, wire| {
        wire.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        Then::Keep
    });
    register(&ostler, &[upstream.port()]);
    let mut wire = Wire::to(ostler.address);
    let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    wire.send(format!(
        "GET /s/horses?token=s3cret HTTP/1.1\r\nHost: localhost\r\ntraceparent: 00-{trace}-{span}-01\r\ntracestate: a=b\r\n\r\n"
    ));
    wire.reply().is(404);
    let served = collector.span("GET /s", SpanKind::Server);
    let asked = collector.span("GET", SpanKind::Client);
    assert_eq!((served.trace.as_str(), served.parent.as_str(), served.is_error), (trace, span, false));
    served.has(&[
        ("http.request.method", "GET"),
        ("http.route", "/s"),
        ("url.path", "/s/horses"),
        ("http.response.status_code", "404"),
        ("ostler.service.name", "s"),
    ]);
    asked.is_in(&served).has(&[
        ("server.address", "127.0.0.1"),
        ("server.port", &upstream.port().to_string()),
        ("http.response.status_code", "404"),
        ("error.type", "404"),
    ]);
    let seen = upstream.last();
    assert_eq!(seen.all("traceparent"), [asked.traceparent()]);
    assert_eq!(seen.all("tracestate"), ["a=b"]);
    assert!(!format!("{:?}", collector.spans()).contains("s3cret"));
}

#[test]
fn each_attempt_is_a_span_of_its_own_and_each_instance_knows_the_one_that_reached_it() {
    let collector = Collector::start();
    let ostler = collector.setup().spawn();
    let (broken, well) = (Upstream::start(|_, _| Then::Reset), Upstream::saying("hello"));
    register(&ostler, &[broken.port(), well.port()]);
    let mut wire = Wire::to(ostler.address);
    for _ in 0..2 {
        wire.get("/s/x").is(200);
    }
    let failed = collector.span_where("the attempt that failed", |one| one.says("error.type") == "reset");
    failed.has(&[("server.port", &broken.port().to_string()), ("http.response.status_code", "")]);
    let answered = collector.span_where("the one that did not", |one| {
        one.trace == failed.trace && one.kind == SpanKind::Client && one.id != failed.id
    });
    let served = collector.span_where("the request", |one| one.id == failed.parent);
    answered.is_in(&served).has(&[("http.response.status_code", "200")]);
    assert!(failed.is_in(&served).is_error && !served.is_error);
    assert_eq!(broken.last().all("traceparent"), [failed.traceparent()]);
    let known: Vec<_> = well.seen().iter().map(|one| one.header("traceparent").unwrap().to_owned()).collect();
    assert!(known.contains(&answered.traceparent()), "{known:?}");
}

#[test]
fn nobody_there_is_a_server_span_that_failed() {
    let collector = Collector::start();
    let ostler = collector.setup().spawn();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    register(&ostler, &[nobody]);
    let status = Wire::to(ostler.address).get("/s/x").status;
    let served = collector.span("GET /s", SpanKind::Server);
    served.has(&[("http.response.status_code", &status.to_string()), ("error.type", &status.to_string())]);
    assert!(status >= 500 && served.is_error);
}
