//! A forwarded request in traces: one span for what the client asked, and one for each attempt at an instance.
//!
//! A head that never left goes to the next instance as it is, so the span of that attempt takes over the id that is
//! written in it.

use crate::{
    Runtime,
    gateway::{FailureKind, InstanceLease, Service},
    http1::RequestHead,
    proxy::{forwarded_request::ForwardedRequest, request},
    telemetry::{Span, SpanKind},
    web::trace,
};

/// Begins the span of a request. What a service serves below its path is its own affair, and no part of the name.
pub(super) fn begin_request(runtime: &Runtime, head: &RequestHead, service: &Service, id: &str) -> Span {
    let (method, route) = (head.method.as_str(), service.spec().base_path.as_str());
    let parent = || request::trace_context(head);
    let parent = if runtime.telemetry().tracer().is_on() { parent() } else { None };
    let mut span = runtime.telemetry().tracer().span(SpanKind::Server, parent, || format!("{method} {route}"));
    if span.is_recorded() {
        trace::describe(&mut span, method, head.target.path(), id);
        span.text("http.route", route);
        span.text("ostler.service.name", &service.spec().name);
    }
    span
}

/// Begins the span of an attempt at an instance.
pub(super) fn begin_attempt(call: &ForwardedRequest<'_>, lease: &InstanceLease) -> Span {
    let method = call.head.method.as_str();
    let mut span = call.tracer.span(SpanKind::Client, call.span, || method.to_owned());
    if span.is_recorded() {
        span.text("http.request.method", method);
        span.text("server.address", lease.instance().host());
        span.number("server.port", lease.instance().port());
        span.text("ostler.service.name", &call.service.spec().name);
    }
    span
}

/// Ends the span of an attempt that was answered.
pub(super) fn end_answered(mut span: Span, call: &ForwardedRequest<'_>) {
    let status = call.status.get();
    span.number("http.response.status_code", status);
    if status >= 400 {
        span.fail(&status.to_string());
    }
    span.end();
}

/// Ends the span of an attempt that was not.
pub(super) fn end_failed(mut span: Span, failure: FailureKind) {
    span.fail(match failure {
        FailureKind::Connect => "connect",
        FailureKind::Shortage(_) => "shortage",
        FailureKind::Timeout => "timeout",
        FailureKind::Reset => "reset",
        FailureKind::Protocol => "protocol",
    });
    span.end();
}

/// Ends the span of a request; one that was not answered was given up by its client.
pub(super) fn end_request(span: Span, status: u16) {
    if status > 0 {
        trace::end(span, status);
    }
}
