//! Collectors that are down, slow or unwilling harm nobody, and what is lost is counted; the last spans come out.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use ::ostler::model::Timestamp;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse},
    trace::v1::span::SpanKind,
};
use prost::Message;

use crate::support::{
    collector::Collector,
    upstream::{Then, ok},
    wait::pass,
    *,
};

fn figure(ostler: &Ostler, name: &str) -> u64 {
    let page = ostler.admin().get("/metrics").is(200).text();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{page}")).parse().unwrap()
}

fn says(ostler: &Ostler, words: &str) -> usize {
    ostler.errors().matches(words).count()
}

#[test]
fn the_last_spans_come_out_at_sigterm() {
    let collector = Collector::start();
    let mut ostler = collector.setup().env("OTEL_BSP_SCHEDULE_DELAY", "3600000").spawn();
    let server = ostler.admin().running(fake("ok"));
    for _ in 0..3 {
        server.call("echo", json!({})).is(200);
    }
    assert!(collector.spans().is_empty(), "they wait to be sent together");
    assert_eq!(ostler.terminate().code(), Some(0));
    let spans = collector.spans();
    let count = |kind| spans.iter().filter(|one| one.kind == kind && one.name.contains("e")).count();
    assert!(count(SpanKind::Server) >= 3 && count(SpanKind::Client) == 3, "{spans:#?}");
}

#[test]
fn a_collector_that_hangs_delays_no_call_and_the_end_by_seconds_at_most() {
    let collector = Collector::answering(|_, _| {
        pass(seconds(30));
        Then::Close
    });
    let mut ostler = collector.setup().env("OTEL_BSP_MAX_QUEUE_SIZE", "4").spawn();
    let server = ostler.admin().running(fake("ok"));
    let (took, ()) = timed(|| (0..20).for_each(|_| drop(server.call("echo", json!({})).is(200))));
    assert!(took < seconds(10), "{took:?}");
    eventually("spans are left out", || (figure(&ostler, "ostler_spans_overflowed_total") > 0).then_some(()));
    assert_eq!(says(&ostler, "spans end faster"), 1, "it is said once");
    let (took, status) = timed(|| ostler.terminate());
    assert!(took < seconds(20) && status.code() == Some(0), "{took:?}");
}

#[test]
fn a_collector_that_is_down_or_answers_500_harms_no_call_and_is_said_once() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let unwilling = Collector::answering(|_, wire| {
        wire.send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
        Then::Keep
    });
    let mut ostler = unwilling.setup().spawn();
    let server = ostler.admin().running(fake("ok"));
    for _ in 0..5 {
        let before = unwilling.upstream.seen().len();
        server.call("echo", json!({})).is(200);
        eventually("another batch is refused", || (unwilling.upstream.seen().len() > before).then_some(()));
    }
    eventually("what is lost is counted", || (figure(&ostler, "ostler_spans_failed_total") >= 5).then_some(()));
    assert_eq!(says(&ostler, "the collector does not take spans"), 1, "{}", ostler.errors());
    ostler.terminate();

    let url = format!("http://127.0.0.1:{nobody}");
    let mut ostler = unwilling.setup().env("OTEL_EXPORTER_OTLP_ENDPOINT", &url).spawn();
    let server = ostler.admin().running(fake("ok"));
    server.call("echo", json!({})).is(200);
    let (took, status) = timed(|| ostler.terminate());
    assert!(took < seconds(10) && status.code() == Some(0), "{took:?}");
}

#[test]
fn a_batch_that_can_be_taken_later_is_sent_again_with_the_key_of_the_collector() {
    let collector = Collector::answering(|count, wire| {
        wire.send(if count == 1 { "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_owned() } else { ok("") });
        Then::Keep
    });
    let ostler = collector.setup().env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3%2Cret").spawn();
    let server = ostler.admin().running(fake("ok"));
    server.call("echo", json!({})).is(200);
    eventually("it is sent", || (figure(&ostler, "ostler_spans_exported_total") > 0).then_some(()));
    let seen = collector.upstream.seen();
    assert!(seen.len() >= 2 && seen.iter().all(|one| one.target == "/v1/traces"), "{seen:?}");
    let first = seen.first().unwrap();
    assert_eq!(first.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(first.header("api-key"), Some("s3,ret"));
    assert_eq!(figure(&ostler, "ostler_spans_failed_total"), 0);
    assert!(!ostler.errors().contains("s3,ret"));
}

#[test]
fn a_collector_may_ask_for_a_pause_by_a_date() {
    let now = || Duration::from_nanos(Timestamp::unix_nanos_now());
    let times = Arc::<Mutex<Vec<Duration>>>::default();
    let kept = Arc::clone(&times);
    let collector = Collector::answering(move |count, wire| {
        kept.lock().unwrap().push(now());
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + now() + seconds(5));
        let busy = format!("HTTP/1.1 429 Busy\r\nRetry-After: {date}\r\nContent-Length: 0\r\n\r\n");
        wire.send(if count == 1 { busy } else { ok("") });
        Then::Keep
    });
    let ostler = collector.setup().spawn();
    ostler.admin().get("/api/mcp").is(200);
    eventually("it is sent again", || (figure(&ostler, "ostler_spans_exported_total") > 0).then_some(()));
    let times = times.lock().unwrap();
    // A date has no fractions of a second, so it may be one less; without it, the pause is one second.
    assert!(times[1] - times[0] >= seconds(3), "{times:?}");
}

#[test]
fn a_remark_of_the_collector_is_kept_and_no_failure() {
    let collector = Collector::answering(|count, wire| {
        let rejected_spans = i64::from(count > 1);
        let error_message = if count > 1 { "too old".to_owned() } else { "slow down".to_owned() };
        let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
        let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
        wire.send(ok(std::str::from_utf8(&body).unwrap()));
        Then::Keep
    });
    let ostler = collector.setup().spawn();
    ostler.admin().get("/api/mcp").is(200);
    eventually("a warning is logged", || (says(&ostler, "slow down") == 1).then_some(()));
    ostler.admin().get("/api/mcp").is(200);
    eventually("one span is rejected", || (figure(&ostler, "ostler_spans_failed_total") > 0).then_some(()));
    assert!(figure(&ostler, "ostler_spans_exported_total") > 0);
    for words in ["the collector does not take spans", "takes spans again"] {
        assert_eq!(says(&ostler, words), 0, "{}", ostler.errors());
    }
}
