//! Answers of Ostler's own to a request that is not forwarded.

use actix_web::{
    HttpResponse,
    body::MessageBody,
    http::{Method, StatusCode, header},
};
use bytes::{BufMut, BytesMut};

use crate::http1::{length_line, line, status_line};

/// Writes `response`, the answer to a request of `method`, and whether the connection goes on after it.
pub(super) fn write(response: HttpResponse, method: &Method, keep_alive: bool, out: &mut BytesMut) {
    let status = response.status();
    status_line(out, status.as_str(), status.canonical_reason().unwrap_or_default().as_bytes());
    for (name, value) in response.headers() {
        if name != header::CONNECTION {
            line(out, name.as_str().as_bytes(), &[value.as_bytes()]);
        }
    }
    if !keep_alive {
        line(out, b"connection", &[b"close"]);
    }
    let body = response.into_body().try_into_bytes().unwrap_or_default();
    if status != StatusCode::NO_CONTENT {
        length_line(out, u64::try_from(body.len()).unwrap_or_default());
    }
    out.put_slice(b"\r\n");
    if *method != Method::HEAD {
        out.put_slice(&body);
    }
}
