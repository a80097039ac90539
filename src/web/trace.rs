//! The outermost layer: names each request, asks the host check, gives every failure its shape, adds headers, writes
//! one log line.

use std::rc::Rc;

use actix_web::{
    HttpMessage, HttpRequest,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    web,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    Runtime,
    model::{PropagatedTrace, TraceContext, combine_tracestate},
    telemetry::{Span, SpanKind},
    web::{
        compression::compress,
        host_check::{Admission, HostCheck},
        json_rpc::{self, RefusedId},
        mount::{self, TablePath},
        problem::{self, Occurrence, Problem},
    },
};

/// The name that asks for, and answers with, a request's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CONTENT_SECURITY_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'");

/// The id of the request at hand.
#[derive(Clone, Debug)]
pub(crate) struct CurrentRequestId(pub Rc<str>);

impl CurrentRequestId {
    /// The id given to a request by [`layer`]; empty where that did not happen.
    pub(crate) fn of(request: &impl HttpMessage) -> Rc<str> {
        request.extensions().get::<Self>().map_or_else(|| Rc::from(""), |id| Rc::clone(&id.0))
    }
}

/// Wraps every route, and the answer to paths that are none.
pub(crate) async fn layer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    if let Some(TablePath(path)) = request.app_data() {
        mount::note(&request, path);
    }
    let id = choose_id(request.headers());
    request.extensions_mut().insert(CurrentRequestId(Rc::clone(&id)));
    let span = span(&request, &id);
    let guard = request.app_data::<web::Data<HostCheck>>().cloned();
    let (response, admitted) = match guard.map_or(Ok(Admission::SameOrigin), |guard| guard.admit(&request)) {
        Err(problem) => (error_response(request, problem).await, Admission::SameOrigin),
        Ok(admitted) => match admitted.answer(request.headers()) {
            Some(answer) => (request.into_response(answer), admitted),
            None => (next.call(request).await?.map_into_boxed_body(), admitted),
        },
    };
    let mut response = compress(shape(response, &id, Occurrence::of));
    let is_api = response.request().path().contains("/api/");
    let headers = response.headers_mut();
    admitted.add_headers(headers);
    add_headers(headers, &id, is_api);
    note(&response, &id, started);
    end(span, response.status().as_u16());
    Ok(response)
}

/// Answers a request that did not get as far as [`layer`], and may be for none of its routes.
pub(crate) async fn refuse(request: ServiceRequest, problem: Problem) -> ServiceResponse<BoxBody> {
    let id = choose_id(request.headers());
    let mut response = shape(error_response(request, problem).await, &id, Occurrence::outside);
    add_headers(response.headers_mut(), &id, true);
    response
}

/// A failure that is yet to be shaped, with the id that a client of MCP needs.
async fn error_response(mut request: ServiceRequest, problem: Problem) -> ServiceResponse<BoxBody> {
    let (head, payload) = request.parts_mut();
    json_rpc::note_id(head, payload).await;
    request.error_response(problem)
}

/// The caller's id for the request where it is a sane one (visible ASCII, at most 128), else a new one.
fn choose_id(headers: &HeaderMap) -> Rc<str> {
    choose(headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()))
}

/// The id for a request whose client proposes `given`: that where it is sane, else a new one.
pub(crate) fn choose(given: Option<&str>) -> Rc<str> {
    let given = given.filter(|text| is_sane_id(text));
    given.map_or_else(|| Rc::from(&*Uuid::now_v7().hyphenated().encode_lower(&mut Uuid::encode_buffer())), Rc::from)
}

/// True for an id that a client may propose.
pub(crate) fn is_sane_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Turns every failure, the framework's too, into problem+json, or into a JSON-RPC error for a client of MCP.
fn shape(
    response: ServiceResponse<BoxBody>,
    id: &str,
    place: for<'a> fn(&'a HttpRequest, &'a str) -> Occurrence<'a>,
) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let problem = match response.response().error() {
        Some(error) => error.as_error::<Problem>().cloned().unwrap_or(Problem::Framework(status)),
        // A problem already, or a JSON-RPC error, whose shape is that of its protocol.
        None if content_type
            .is_some_and(|value| [problem::CONTENT_TYPE, "application/json"].iter().any(|one| value == *one)) =>
        {
            return response;
        }
        None => Problem::Framework(status),
    };
    let refused = response.request().extensions().get::<RefusedId>().cloned();
    let occurrence = place(response.request(), id);
    let mut shaped = match refused {
        Some(refused) => json_rpc::respond(&problem, &refused, occurrence),
        None => problem.respond(occurrence),
    };
    if let Some(challenge) = response.headers().get(header::WWW_AUTHENTICATE) {
        shaped.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.clone());
    }
    response.into_response(shaped)
}

/// Adds what every answer carries.
pub(crate) fn add_headers(headers: &mut HeaderMap, id: &str, is_api: bool) {
    // The dashboard has a stricter policy of its own.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if is_api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    name(headers, id);
}

/// Says what the request is called.
pub(crate) fn name(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

fn note(response: &ServiceResponse<BoxBody>, request_id: &str, started: Instant) {
    if !log::log_enabled!(log::Level::Debug) {
        return;
    }
    let request = response.request();
    let route = request.match_pattern();
    let trace = context(request).map(|context| context.trace());
    log::debug!(
        method = request.method().as_str(),
        route = route.as_deref().unwrap_or("none"),
        status = response.status().as_u16(),
        ms:% = started.elapsed().as_millis(),
        request_id,
        trace_id = trace.unwrap_or_default();
        "request answered"
    );
}

/// Begins the span of a request to the API, and lets handlers know of it.
fn span(request: &ServiceRequest, id: &str) -> Span {
    let is_traced = ["/api/", "/mcp"].iter().any(|part| request.path().contains(part));
    let Some(runtime) = request.app_data::<Runtime>().filter(|_| is_traced) else { return Span::default() };
    let route = || request.match_pattern();
    let method = request.method().as_str();
    let named = || route().map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    let mut span = runtime.telemetry().tracer().span(SpanKind::Server, of_header(request.headers()), named);
    if let Some(context) = span.context() {
        request.extensions_mut().insert(context);
    }
    if span.is_recorded() {
        describe(&mut span, method, request.path(), id);
        route().iter().for_each(|route| span.text("http.route", route));
    }
    span
}

/// Says what every request is (the semantic conventions of HTTP spans). A query may hold secrets, so it is not said.
pub(crate) fn describe(span: &mut Span, method: &str, path: &str, id: &str) {
    span.text("http.request.method", method);
    span.text("url.path", path);
    span.text("url.scheme", "http");
    span.text("ostler.request.id", id);
}

/// Ends the span of a request that was answered so.
pub(crate) fn end(mut span: Span, status: u16) {
    span.number("http.response.status_code", status);
    if status >= 500 {
        span.fail(&status.to_string());
    }
    span.end();
}

/// The trace context of a request: its span's, or its client's where tracing is off.
pub(crate) fn context(request: &HttpRequest) -> Option<TraceContext> {
    request.extensions().get().copied().or_else(|| of_header(request.headers()))
}

/// The trace that what is done for a request is part of; its state, where the client's trace goes on.
pub(crate) fn propagated(request: &HttpRequest) -> Option<PropagatedTrace> {
    let parent = context(request)?;
    let fields = request.headers().get_all("tracestate").map(|field| field.to_str().unwrap_or("?"));
    let state = of_header(request.headers()).and_then(|_| combine_tracestate(fields));
    Some(PropagatedTrace { parent, state })
}

fn of_header(headers: &HeaderMap) -> Option<TraceContext> {
    let mut named = headers.get_all("traceparent");
    // Named twice, it is none (Trace Context, section 3.2).
    let only = named.next().filter(|_| named.next().is_none())?;
    only.to_str().ok().and_then(TraceContext::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(given: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static(given));
        choose_id(&headers).to_string()
    }

    #[test]
    fn a_sane_request_id_is_kept_and_any_other_replaced() {
        assert_eq!(chosen("build-77/step_2"), "build-77/step_2");
        for given in ["", "two words", "tab\there"] {
            assert!(Uuid::try_parse(&chosen(given)).is_ok(), "{given}");
        }
        let long: &'static str = "x".repeat(129).leak();
        assert!(Uuid::try_parse(&chosen(long)).is_ok());
    }
}
