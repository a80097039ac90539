//! Which traces are recorded, and what settings say about that.

use std::process::Command;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::support::{collector::Collector, *};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn call(server: &Server, traceparent: &str) -> Value {
    let ask = server.caller.ask("POST", &server.path("/execute")).json(&json!({"toolName": "received"}));
    serde_json::from_str(&ask.header("traceparent", traceparent).send().is(200).said()).unwrap()
}

#[test]
fn what_a_caller_does_not_record_is_not_recorded_here_and_goes_on_so() {
    let collector = Collector::start();
    let ostler = collector.setup().spawn();
    let server = ostler.admin().running(fake("ok"));
    let line = call(&server, &format!("00-{TRACE}-b7ad6b7169203331-00"));
    let sent = line.pointer("/params/_meta/traceparent").and_then(Value::as_str).unwrap();
    assert!(sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-00"), "{sent}");
    server.call("echo", json!({})).is(200);
    collector.span("tools/call echo", SpanKind::Client);
    assert!(collector.spans().iter().all(|one| one.trace != TRACE));
}

#[test]
fn a_sampler_that_records_nothing_passes_that_decision_on() {
    let collector = Collector::start();
    let mut ostler =
        collector.setup().env("OTEL_TRACES_SAMPLER", "traceidratio").env("OTEL_TRACES_SAMPLER_ARG", "0").spawn();
    let server = ostler.admin().running(fake("ok"));
    let line = call(&server, &format!("00-{TRACE}-b7ad6b7169203331-01"));
    let sent = line.pointer("/params/_meta/traceparent").and_then(Value::as_str).unwrap();
    assert!(sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-00"), "{sent}");
    ostler.terminate();
    assert!(collector.spans().is_empty());
}

#[test]
fn nothing_is_exported_where_the_specification_says_so() {
    for (name, value) in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        let collector = Collector::start();
        let mut ostler = collector.setup().env(name, value).spawn();
        let server = ostler.admin().running(fake("ok"));
        let trace = format!("00-{TRACE}-b7ad6b7169203331-01");
        let line = call(&server, &trace);
        assert_eq!(line.pointer("/params/_meta/traceparent"), Some(&json!(trace)));
        ostler.terminate();
        assert!(collector.upstream.seen().is_empty(), "{name}");
    }
}

#[test]
fn settings_of_traces_are_checked_listed_and_never_show_a_key() {
    let check = |settings: &[(&str, &str)]| {
        let mut command = Command::new(setup::PROGRAM);
        command.arg("check-config").env_clear().envs(settings.iter().copied());
        let ran = command.output().unwrap();
        let text = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (ran.status.code(), text)
    };
    let (code, text) = check(&[
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key s3cret"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
    ]);
    assert_eq!(code, Some(64), "{text}");
    for line in [
        "6 faults",
        "otel.exporter_otlp_protocol (environment variable OTEL_EXPORTER_OTLP_PROTOCOL): \"grpc\" is none of http/protobuf",
        "otel.exporter_otlp_endpoint",
        "otel.exporter_otlp_headers",
        "otel.traces_sampler (environment variable OTEL_TRACES_SAMPLER): \"jaeger_remote\" is none of always_on",
        "otel.traces_sampler_arg",
        "otel.bsp_schedule_delay",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
    let (code, text) = check(&[
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
        ("OTEL_LOGS_EXPORTER", "console"),
    ]);
    assert_eq!(code, Some(0), "what is empty is not set, and what is not known is for others: {text}");
    assert!(text.contains("api-key=***") && !text.contains("s3cret"), "{text}");
}
