//! Sending a message, and what comes back for it.

use std::{rc::Rc, time::Duration};

use awc::{ClientResponse, http::StatusCode};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{sleep, timeout};

use crate::{
    mcp::{self, Frame, MAX_LINE, PartialMessage, RpcError},
    model::from_json,
    supervisor::remote::{
        delivery::{deliver, deliver_event},
        endpoint::{self, Endpoint},
        events::EventParser,
        failure::{HttpRefusal, RemoteFailure},
        http_sse,
        line::on_one_line,
        listen,
        outgoing::Outgoing,
        remote_event::RemoteEvent,
        sender::Queued,
    },
};

/// Bytes read of an error response.
const ERROR_BODY_BYTES_MAX: usize = 64 * 1024;

/// Time to wait for the end of a stream after its answer, so that the connection can be used again.
const STREAM_END_TIMEOUT: Duration = Duration::from_secs(1);

/// Times in a row that a stream that broke off is resumed without anything new.
const RESUME_ATTEMPTS_MAX: u32 = 5;

/// Sends a request, and reports its answer or why there is none.
pub(super) async fn request(endpoint: &Rc<Endpoint>, message: &Outgoing, queued: Queued, number: u64) {
    let outcome = exchange(endpoint, message, queued, number).await;
    let Some(id) = message.id() else { return };
    endpoint.remove_request(id, number);
    if let Err(failure) = outcome {
        endpoint.emit(RemoteEvent::Note(format!("POST {} → {failure}", message.method))).await;
        let lost = failure == RemoteFailure::SessionLost;
        endpoint.emit(RemoteEvent::Failed { id: id.to_owned(), failure }).await;
        if lost {
            endpoint.close("the server ended the session");
        }
    }
}

/// Sends a message that wants no answer.
pub(super) async fn notify(endpoint: &Endpoint, message: &Outgoing, queued: Queued) {
    let outcome = endpoint.post(message).await;
    drop(queued);
    let failure = match outcome {
        Ok(answer) if answer.status().is_success() => return,
        Ok(answer) => RemoteFailure::Refused(HttpRefusal::of(&answer)),
        Err(failure) => failure,
    };
    let what = if message.method.is_empty() { "an answer" } else { &message.method };
    endpoint.emit(RemoteEvent::Note(format!("POST {what} → {failure}"))).await;
}

async fn exchange(
    endpoint: &Rc<Endpoint>,
    message: &Outgoing,
    queued: Queued,
    number: u64,
) -> Result<(), RemoteFailure> {
    let answer = endpoint.post(message).await?;
    drop(queued);
    let status = answer.status();
    if !status.is_success() {
        return on_error_response(endpoint, message, answer, number).await;
    }
    if endpoint.message_url.borrow().is_some() {
        // The answer comes by the stream.
        return Ok(());
    }
    if message.method == "initialize" {
        endpoint.take_session(answer.headers());
    }
    if endpoint::is_stream(&answer) {
        return read_stream(endpoint, message, answer, number).await;
    }
    let Some(body) = read_body(endpoint, answer, MAX_LINE).await? else {
        endpoint.emit(RemoteEvent::Frame(oversized(message))).await;
        return Ok(());
    };
    if deliver_all(endpoint, message, &body).await? {
        Ok(())
    } else {
        Err(RemoteFailure::Broken(format!("status {} without an answer", status.as_u16())))
    }
}

/// A body that is one message, or several in the revision that had batches; whether the answer was among them.
async fn deliver_all(endpoint: &Endpoint, message: &Outgoing, body: &Bytes) -> Result<bool, RemoteFailure> {
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    if text.is_empty() {
        return Ok(false);
    }
    let parts: Vec<&RawValue> = match text.strip_prefix('[') {
        Some(_) => serde_json::from_str(text).map_err(no_json)?,
        None => vec![serde_json::from_str(text).map_err(no_json)?],
    };
    let mut answered = false;
    for part in parts {
        answered |= deliver(endpoint, Some(message), part.get().as_bytes()).await;
    }
    Ok(answered)
}

fn no_json(_: serde_json::Error) -> RemoteFailure {
    RemoteFailure::Broken("its answer is no JSON".into())
}

/// A line in place of an answer over the cap.
fn oversized(message: &Outgoing) -> Frame {
    let id = message.id().map_or("null", RawValue::get);
    Frame::Oversized { head: format!(r#"{{"jsonrpc":"2.0","id":{id},"#).into(), tail: Bytes::new() }
}

/// Reads the stream of an answer, and in the legacy era goes on with another one where it breaks off.
async fn read_stream(
    endpoint: &Rc<Endpoint>,
    message: &Outgoing,
    answer: ClientResponse,
    number: u64,
) -> Result<(), RemoteFailure> {
    let (mut events, mut answer) = (EventParser::sharing(&endpoint.lines), answer);
    loop {
        while let Some(Ok(piece)) = answer.next().await {
            events.feed(&piece);
            while let Some(event) = events.next_event() {
                if event.is_err() {
                    endpoint.emit(RemoteEvent::Frame(oversized(message))).await;
                    return Ok(());
                }
                if deliver_event(endpoint, Some(message), event).await {
                    if let Some(id) = message.id() {
                        endpoint.remove_request(id, number);
                    }
                    let _ = timeout(STREAM_END_TIMEOUT, async { while let Some(Ok(_)) = answer.next().await {} }).await;
                    return Ok(());
                }
            }
            if events.is_dropping() {
                endpoint.emit(RemoteEvent::Frame(oversized(message))).await;
                return Ok(());
            }
        }
        if message.modern.is_some() || events.last_id.is_none() {
            return Err(RemoteFailure::Broken("the stream ended before the answer".into()));
        }
        answer = resume(endpoint, &mut events).await?;
    }
}

/// The rest of a stream that broke off (2025-11-25, transports, "resumability and redelivery").
async fn resume(endpoint: &Endpoint, events: &mut EventParser) -> Result<ClientResponse, RemoteFailure> {
    events.reopened();
    for attempt in 0..RESUME_ATTEMPTS_MAX {
        sleep(listen::pause(events.retry, attempt)).await;
        match endpoint.get(events.last_id.as_deref()).await {
            Ok(answer) if answer.status().is_success() && endpoint::is_stream(&answer) => return Ok(answer),
            Ok(answer) if answer.status() == StatusCode::NOT_FOUND => break,
            Ok(answer) if !answer.status().is_server_error() => {
                return Err(RemoteFailure::Refused(HttpRefusal::of(&answer)));
            }
            Ok(_) | Err(_) => {}
        }
    }
    Err(RemoteFailure::Broken("the stream of its answer broke off and could not be taken up again".into()))
}

/// Reads an error response: a JSON-RPC error, a lost session, missing consent, or a server that speaks HTTP+SSE only.
async fn on_error_response(
    endpoint: &Rc<Endpoint>,
    message: &Outgoing,
    answer: ClientResponse,
    number: u64,
) -> Result<(), RemoteFailure> {
    #[derive(Deserialize)]
    struct ErrorMember<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
        #[serde(borrow)]
        error: &'a RawValue,
    }
    if let Some(failure) = endpoint.unauthorized(&answer) {
        return Err(failure);
    }
    let (status, refused) = (answer.status(), HttpRefusal::of(&answer));
    if message.method == "initialize" && matches!(refused.status, 400 | 403) && endpoint.wants_consent().await {
        return Err(RemoteFailure::Unauthorized);
    }
    let body = read_body(endpoint, answer, ERROR_BODY_BYTES_MAX).await.ok().flatten().unwrap_or_default();
    let refusal: Option<ErrorMember<'_>> = from_json(&body).ok();
    let is_response = refusal.as_ref().is_some_and(|refusal| refusal.id.is_some());
    let error = refusal.map(|refusal| (refusal.error, RpcError::read(refusal.error)));
    // Without a code, it is the error of another API.
    let error = error.filter(|(_, error)| error.code != 0);
    if message.modern.is_none() && endpoint.has_session() && is_session_lost(status, error.as_ref().map(|(_, it)| it)) {
        return Err(RemoteFailure::SessionLost);
    }
    // A proxy before the server says when to come again, which no JSON-RPC error does.
    let is_busy = matches!(refused.status, 429 | 502..=504) && refused.retry_after.is_some() && !is_response;
    match (error, message.id()) {
        (Some((error, _)), Some(id)) if !is_busy => {
            let line = mcp::answer_with(id, Err(error));
            endpoint.emit(RemoteEvent::Note(format!("POST {} → {}", message.method, status.as_u16()))).await;
            endpoint.emit(RemoteEvent::Frame(Frame::Line(on_one_line(&line)))).await;
            Ok(())
        }
        _ if message.method == "initialize" && matches!(status.as_u16(), 400 | 404 | 405) => {
            http_sse::converse(endpoint, message, refused, number).await
        }
        _ => Err(RemoteFailure::Refused(refused)),
    }
}

/// A session that is gone is 404 by the specification, and 400 with these words at many servers.
fn is_session_lost(status: StatusCode, error: Option<&RpcError>) -> bool {
    match error {
        None => status == StatusCode::NOT_FOUND,
        Some(error) => {
            let named = matches!(status.as_u16(), 400 | 404) && error.message.to_ascii_lowercase().contains("session");
            named && matches!(error.code, 404 | -32001 | -32000 | -32600)
        }
    }
}

/// A whole body; `None` where it is longer than `most`, or was dropped for want of room.
async fn read_body(
    endpoint: &Endpoint,
    mut answer: ClientResponse,
    most: usize,
) -> Result<Option<Bytes>, RemoteFailure> {
    let (mut body, mut length) = (PartialMessage::sharing(&endpoint.lines), 0_usize);
    while let Some(piece) = answer.next().await {
        let piece = piece.map_err(|error| RemoteFailure::Broken(error.to_string()))?;
        length = length.saturating_add(piece.len());
        body.extend(&piece);
        if length > most || body.is_dropped() {
            return Ok(None);
        }
    }
    Ok(body.finish().ok().map(BytesMut::freeze))
}
