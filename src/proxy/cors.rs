//! Pages of allowed origins at services that require authentication: their preflights are answered here, as browsers
//! send no credentials with them, and their answers may be read (Fetch, section 3.2).

use actix_web::{
    HttpResponse,
    http::{
        Method,
        header::{self, HeaderValue},
    },
};
use bytes::BytesMut;

use crate::{
    gateway::Service,
    http1::{RequestHead, ResponseHead, line},
    web::{
        host_check::{HostCheck, PREFLIGHT_SECONDS},
        problem::Problem,
    },
};

/// The allowed origin of the page that sent a request.
pub(super) fn allowed_origin(head: &RequestHead, service: &Service, guard: &HostCheck) -> Option<HeaderValue> {
    let origin = field(head, "origin").filter(|_| service.spec().authentication)?;
    guard.check_origin(origin.to_str().ok()?).ok().map(|()| origin)
}

/// The answer to a preflight; `None` for any other request. Only the service knows its methods and headers, so what is
/// asked for is allowed.
pub(super) fn preflight(
    head: &RequestHead,
    service: &Service,
    guard: &HostCheck,
) -> Result<Option<HttpResponse>, Problem> {
    let asks = service.spec().authentication && head.method == Method::OPTIONS;
    let method = field(head, "access-control-request-method").filter(|_| asks);
    let (Some(origin), Some(method), None) = (field(head, "origin"), method, field(head, "authorization")) else {
        return Ok(None);
    };
    guard.check_origin(origin.to_str().unwrap_or_default())?;
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, method));
    answer.insert_header((header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS));
    if let Some(headers) = field(head, "access-control-request-headers") {
        answer.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, headers));
    }
    Ok(Some(answer.finish()))
}

/// Lets a page of `origin` read an answer, unless the instance says which may.
pub(super) fn write(origin: &HeaderValue, answer: &ResponseHead, out: &mut BytesMut) {
    // An instance that allows credentials and not this origin has refused it.
    let names = ["access-control-allow-origin", "access-control-allow-credentials"];
    if names.iter().all(|name| answer.fields.get(name).is_none()) {
        line(out, b"Access-Control-Allow-Origin", &[origin.as_bytes()]);
        line(out, b"Access-Control-Expose-Headers", &[b"*"]);
        line(out, b"Vary", &[b"Origin"]);
    }
}

fn field(head: &RequestHead, name: &'static str) -> Option<HeaderValue> {
    head.fields.get(name).and_then(|value| HeaderValue::from_bytes(value).ok())
}
