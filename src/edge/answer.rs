//! Writes answers: the `App`'s, and those to requests that nobody else sees.

use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll, ready},
};

use actix_http::Response;
use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap},
    },
};
use bytes::{BufMut as _, Bytes};

use super::{MOST_DRAINED, Verdict, connection::Connection};
use crate::{
    http1::{BodyEncoder, Framing, Misfit, RequestHead, Version, line, status_line},
    web::{problem::Problem, trace},
};

/// What of a request matters to its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    is_head: bool,
    version: Version,
    keep_alive: bool,
}

impl Asked {
    pub(super) fn of(head: &RequestHead) -> Self {
        Self { is_head: head.method == Method::HEAD, version: head.version, keep_alive: head.keep_alive }
    }

    /// By somebody of whom nothing could be read.
    const UNREADABLE: Self = Self { is_head: false, version: Version::Http11, keep_alive: false };
}

/// Stages a problem in place of an answer; `head` is the request's, where one could be read.
pub(super) fn refuse(connection: &mut Connection, head: Option<&RequestHead>, problem: &Problem) -> Verdict {
    let given = head.and_then(|head| head.fields.get(trace::REQUEST_ID.as_str()));
    let id = trace::choose(given.and_then(|id| std::str::from_utf8(id).ok()));
    let path = head.map_or("", |head| head.target.path());
    let mut response = problem.respond(path, &id);
    trace::add_headers(response.headers_mut(), &id, true);
    log::debug!(code = problem.kind().code, request_id = &*id; "request refused");
    let asked = head.map_or(Asked::UNREADABLE, Asked::of);
    let response: Response<BoxBody> = response.into();
    let (head, body) = response.into_parts();
    let plan = Plan::make(connection, asked, head.status(), head.headers(), body.size());
    plan.stage_head(connection, head.status(), head.headers());
    if let (Ok(body), false) = (body.try_into_bytes(), plan.framing == Framing::None) {
        connection.stage_data(body);
    }
    plan.verdict
}

/// Sends `response`, in one piece where it is one. `None` where the client went away, or the body broke off.
pub(super) async fn send(connection: &mut Connection, asked: Asked, response: Response<BoxBody>) -> Option<Verdict> {
    let (head, body) = response.into_parts();
    let plan = Plan::make(connection, asked, head.status(), head.headers(), body.size());
    plan.stage_head(connection, head.status(), head.headers());
    drop(head);
    match body.try_into_bytes() {
        Ok(whole) if plan.framing != Framing::None => connection.stage_data(whole),
        Ok(_) => {}
        Err(_) if plan.framing == Framing::None => {}
        Err(body) => stream(connection, plan.framing, body).await?,
    }
    connection.flush().await.ok()?;
    Some(plan.verdict)
}

/// Sends a body as it is made, no faster than it is taken.
async fn stream(connection: &mut Connection, framing: Framing, body: BoxBody) -> Option<()> {
    let mut body = pin!(body);
    let mut encoder = BodyEncoder::new(framing);
    poll_fn(|context| {
        loop {
            if connection.is_full() && ready!(connection.poll_flush(context)).is_err() {
                return Poll::Ready(None);
            }
            match body.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(data))) => {
                    if encode(connection, &mut encoder, data).is_err() {
                        return Poll::Ready(None);
                    }
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(None),
                Poll::Ready(None) => return Poll::Ready(encoder.finish(b"", connection.stage()).ok()),
                Poll::Pending => return idle(connection, context),
            }
        }
    })
    .await
}

fn encode(connection: &mut Connection, encoder: &mut BodyEncoder, data: Bytes) -> Result<(), Misfit> {
    if encoder.open(data.len(), connection.stage())? {
        connection.stage_data(data);
        encoder.close(connection.stage());
    }
    Ok(())
}

/// While there is nothing to send: sends what is staged, and looks whether the client is still there.
fn idle(connection: &mut Connection, context: &mut Context<'_>) -> Poll<Option<()>> {
    let is_lost = matches!(connection.poll_flush(context), Poll::Ready(Err(_)));
    if is_lost || connection.poll_gone(context).is_ready() { Poll::Ready(None) } else { Poll::Pending }
}

/// How an answer is sent.
struct Plan {
    asked: Asked,
    framing: Framing,
    length: Option<u64>,
    verdict: Verdict,
}

impl Plan {
    fn make(
        connection: &mut Connection,
        asked: Asked,
        status: StatusCode,
        headers: &HeaderMap,
        size: BodySize,
    ) -> Self {
        let bodiless =
            status.is_informational() || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
        let length = match size {
            _ if bodiless => None,
            BodySize::None => Some(0),
            BodySize::Sized(length) => Some(length),
            BodySize::Stream => None,
        };
        let framing = match (length, asked.version) {
            _ if bodiless || asked.is_head => Framing::None,
            (Some(0), _) => Framing::None,
            (Some(length), _) => Framing::Length(length),
            (None, Version::Http11) => Framing::Chunked,
            (None, Version::Http10) => Framing::UntilClose,
        };
        let goes_on = asked.keep_alive
            && framing != Framing::UntilClose
            && !connection.is_stopping()
            && headers.get(header::CONNECTION).is_none_or(|value| value != "close")
            && can_drain(connection);
        let verdict = if goes_on { Verdict::KeepAlive } else { Verdict::Close };
        Self { asked, framing, length, verdict }
    }

    fn stage_head(&self, connection: &mut Connection, status: StatusCode, headers: &HeaderMap) {
        let out = connection.stage();
        out.reserve(1024);
        status_line(out, status.as_str(), status.canonical_reason().unwrap_or_default().as_bytes());
        if let Some(length) = self.length {
            line(out, b"content-length", &[itoa::Buffer::new().format(length).as_bytes()]);
        }
        if self.framing == Framing::Chunked {
            line(out, b"transfer-encoding", &[b"chunked"]);
        }
        match (self.verdict, self.asked.version) {
            (Verdict::Close | Verdict::Reset, _) => line(out, b"connection", &[b"close"]),
            (Verdict::KeepAlive, Version::Http10) => line(out, b"connection", &[b"keep-alive"]),
            (Verdict::KeepAlive, Version::Http11) => {}
        }
        let ours = [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
        for (name, value) in headers.iter().filter(|(name, _)| !ours.contains(name)) {
            line(out, name.as_str().as_bytes(), &[value.as_bytes()]);
        }
        connection.stage_date();
        connection.stage().put_slice(b"\r\n");
    }
}

/// Whether what was not read of the request's body may be read to its end.
pub(super) fn can_drain(connection: &Connection) -> bool {
    connection.body_is_done()
        || (!connection.owes_continue() && connection.body_remaining().is_some_and(|left| left <= MOST_DRAINED))
}
