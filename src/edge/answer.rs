//! Writes answers: the `App`'s, and those to requests that are refused before it.

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

use super::{DRAINED_BYTES_MAX, Disposition, connection::ClientConnection};
use crate::{
    http1::{BodyEncoder, Framing, Misfit, RequestHead, Version, line, status_line},
    web::{
        json_rpc,
        problem::{Occurrence, Problem},
        trace,
    },
};

/// The parts of a request that determine the framing of its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestTraits {
    is_head: bool,
    version: Version,
    keep_alive: bool,
}

impl RequestTraits {
    pub(super) fn of(head: &RequestHead) -> Self {
        Self { is_head: head.method == Method::HEAD, version: head.version, keep_alive: head.keep_alive }
    }

    /// A request whose head could not be parsed.
    const UNREADABLE: Self = Self { is_head: false, version: Version::Http11, keep_alive: false };
}

/// Stages a problem in place of an answer; `head` is the request's, where one could be read.
pub(super) fn refuse(connection: &mut ClientConnection, head: Option<&RequestHead>, problem: &Problem) -> Disposition {
    let given = head.and_then(|head| head.fields.get(trace::REQUEST_ID.as_str()));
    let id = trace::choose(given.and_then(|id| std::str::from_utf8(id).ok()));
    let path = head.map_or("", |head| head.target.path());
    // What has come of the body may have the id already. No more is waited for: this may be an overload.
    let received = connection.input.buffer.as_ref();
    let refused = head.and_then(|head| json_rpc::received_id(&head.method, path, received));
    let occurrence = Occurrence::at_root(path, &id);
    let mut response = match refused {
        Some(refused) => json_rpc::respond(problem, &refused, occurrence),
        None => problem.respond(occurrence),
    };
    trace::add_headers(response.headers_mut(), &id, true);
    log::debug!(code = problem.kind().code, request_id = &*id; "request refused");
    let traits = head.map_or(RequestTraits::UNREADABLE, RequestTraits::of);
    let response: Response<BoxBody> = response.into();
    let (head, body) = response.into_parts();
    let plan = AnswerPlan::make(connection, traits, head.status(), head.headers(), body.size());
    plan.stage_head(connection, head.status(), head.headers());
    if let (Ok(body), false) = (body.try_into_bytes(), plan.framing == Framing::None) {
        connection.stage_data(body);
    }
    plan.disposition
}

/// Sends `response`, in one piece where it is one. `None` where the client went away, or the body broke off.
pub(super) async fn send(
    connection: &mut ClientConnection,
    traits: RequestTraits,
    response: Response<BoxBody>,
) -> Option<Disposition> {
    let (head, body) = response.into_parts();
    let plan = AnswerPlan::make(connection, traits, head.status(), head.headers(), body.size());
    plan.stage_head(connection, head.status(), head.headers());
    drop(head);
    match body.try_into_bytes() {
        Ok(body) if plan.framing != Framing::None => connection.stage_data(body),
        Ok(_) => {}
        Err(_) if plan.framing == Framing::None => {}
        Err(body) => stream(connection, plan.framing, body).await?,
    }
    connection.flush().await.ok()?;
    Some(plan.disposition)
}

/// Sends a body as it is made, no faster than it is taken.
async fn stream(connection: &mut ClientConnection, framing: Framing, body: BoxBody) -> Option<()> {
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

fn encode(connection: &mut ClientConnection, encoder: &mut BodyEncoder, data: Bytes) -> Result<(), Misfit> {
    if encoder.open(data.len(), connection.stage())? {
        connection.stage_data(data);
        encoder.close(connection.stage());
    }
    Ok(())
}

/// While there is nothing to send: sends what is staged, and looks whether the client is still there.
fn idle(connection: &mut ClientConnection, context: &mut Context<'_>) -> Poll<Option<()>> {
    let is_lost = matches!(connection.poll_flush(context), Poll::Ready(Err(_)));
    if is_lost || connection.poll_gone(context).is_ready() { Poll::Ready(None) } else { Poll::Pending }
}

/// The framing of an answer, and the fate of the connection.
struct AnswerPlan {
    traits: RequestTraits,
    framing: Framing,
    length: Option<u64>,
    disposition: Disposition,
}

impl AnswerPlan {
    fn make(
        connection: &mut ClientConnection,
        traits: RequestTraits,
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
        let framing = match (length, traits.version) {
            _ if bodiless || traits.is_head => Framing::None,
            (Some(0), _) => Framing::None,
            (Some(length), _) => Framing::Length(length),
            (None, Version::Http11) => Framing::Chunked,
            (None, Version::Http10) => Framing::UntilClose,
        };
        let persists = traits.keep_alive
            && framing != Framing::UntilClose
            && !connection.is_stopping()
            && headers.get(header::CONNECTION).is_none_or(|value| value != "close")
            && can_drain(connection);
        let disposition = if persists { Disposition::KeepAlive } else { Disposition::Close };
        Self { traits, framing, length, disposition }
    }

    fn stage_head(&self, connection: &mut ClientConnection, status: StatusCode, headers: &HeaderMap) {
        let out = connection.stage();
        out.reserve(1024);
        status_line(out, status.as_str(), status.canonical_reason().unwrap_or_default().as_bytes());
        if let Some(length) = self.length {
            line(out, b"content-length", &[itoa::Buffer::new().format(length).as_bytes()]);
        }
        if self.framing == Framing::Chunked {
            line(out, b"transfer-encoding", &[b"chunked"]);
        }
        match (self.disposition, self.traits.version) {
            (Disposition::Close | Disposition::Reset, _) => line(out, b"connection", &[b"close"]),
            (Disposition::KeepAlive, Version::Http10) => line(out, b"connection", &[b"keep-alive"]),
            (Disposition::KeepAlive, Version::Http11) => {}
        }
        let replaced = [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
        for (name, value) in headers.iter().filter(|(name, _)| !replaced.contains(name)) {
            line(out, name.as_str().as_bytes(), &[value.as_bytes()]);
        }
        connection.stage_date();
        connection.stage().put_slice(b"\r\n");
    }
}

/// True where the unread rest of the request's body may be drained.
pub(super) fn can_drain(connection: &ClientConnection) -> bool {
    connection.body_is_done()
        || (!connection.owes_continue() && connection.body_remaining().is_some_and(|left| left <= DRAINED_BYTES_MAX))
}
