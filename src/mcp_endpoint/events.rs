//! Streams of the older era as server-sent events, which a client may leave and come back to.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use super::{
    caller::McpCaller,
    headers,
    named_session::named_session,
    refusal::MessageRefusal,
    reply,
    session::McpSession,
    spawn_on_drop::SpawnOnDrop,
    stream::{EventBody, EventId, StreamEvent, StreamReader},
};
use crate::{
    bridge::ServerScope,
    mcp::{Era, LATEST_LEGACY},
    web::{HandlerResult, event_stream},
};

/// Time until an answer that has not begun becomes a stream: proxies close silent connections.
const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// Milliseconds after which a client whose stream was cut, as proxies do with long ones, is to reconnect.
const RETRY_MILLIS: u32 = 500;

/// The answer to one request, which `work` writes: JSON where it comes first, otherwise events.
pub(super) async fn respond(
    session: &McpSession,
    mut reader: StreamReader,
    mut work: SpawnOnDrop,
    takes_events: bool,
) -> HandlerResult {
    let start = reader.at();
    let first = loop {
        let next = async {
            tokio::select! {
                biased;
                never = &mut work => match never {},
                event = reader.next() => event,
            }
        };
        match tokio::time::timeout(FIRST_MESSAGE_TIMEOUT, next).await {
            Ok(Some(StreamEvent { body: EventBody::Answer(id, outcome), .. })) => {
                return reply::respond(Era::Legacy, &id, &outcome);
            }
            // Cancelled: there will be no answer, and nothing to come back for.
            Ok(None) if takes_events => return Ok(event_stream::respond_to_the_end(stream::empty())),
            Ok(None) => return Ok(reply::accepted()),
            Ok(Some(_)) | Err(_) if !takes_events => {}
            Ok(Some(event)) => break Some(event),
            Err(_) => break None,
        }
    };
    session.keep(&reader.stream);
    Ok(event_stream::respond_to_the_end(events(reader, session, start, first)))
}

/// The answers to a batch: events, or a JSON array where the client takes no events.
pub(super) async fn respond_to_batch(
    session: &McpSession,
    mut reader: StreamReader,
    takes_events: bool,
) -> HandlerResult {
    if takes_events {
        session.keep(&reader.stream);
        let start = reader.at();
        return Ok(event_stream::respond_to_the_end(events(reader, session, start, None)));
    }
    let mut answers = Vec::new();
    while let Some(event) = reader.next().await {
        if let EventBody::Answer(..) = event.body {
            answers.push(event.body.text().into_owned());
        }
    }
    Ok(reply::json(StatusCode::OK, format!("[{}]", answers.join(","))))
}

/// Opens the stream that is about no request, or goes on with one that was left.
pub(super) async fn get(http: &HttpRequest, caller: &McpCaller, scope: ServerScope) -> HandlerResult {
    let session = match named_session(http, caller, scope).await {
        Ok(session) => session,
        Err(refusal) => return Ok(refusal.respond()),
    };
    let (reader, is_standalone) = match open(http, caller, &session) {
        Ok(opened) => opened,
        Err(refusal) => return Ok(refusal.respond()),
    };
    let start = reader.at();
    Ok(if is_standalone {
        let revoked = Box::pin(caller.runtime.revocation().revoked(&caller.who, scope.needs()));
        let draining = Box::pin(caller.runtime.draining());
        event_stream::respond(events(reader, &session, start, None).take_until(revoked).take_until(draining))
    } else if reader.is_at_the_end() {
        // 204 keeps a reader of events from reconnecting (HTML, "Server-sent events").
        HttpResponse::NoContent().finish()
    } else {
        event_stream::respond_to_the_end(events(reader, &session, start, None))
    })
}

/// The stream that is wanted, and whether it is the one that is about no request.
fn open(
    http: &HttpRequest,
    caller: &McpCaller,
    session: &Arc<McpSession>,
) -> Result<(StreamReader, bool), MessageRefusal> {
    let (takes_events, _) = headers::accepts(http.headers());
    if !takes_events {
        return Err(MessageRefusal::with_status(406, None, "this is a stream of events; accept text/event-stream"));
    }
    let seen = headers::only(http.headers(), &headers::LAST_EVENT_ID_HEADER)
        .map_err(|text| MessageRefusal::invalid(None, &text))?;
    let seen: Option<EventId> = match seen {
        Some(text) => Some(
            text.parse()
                .map_err(|()| MessageRefusal::invalid(None, "the header Last-Event-ID is not an id of this stream"))?,
        ),
        None => None,
    };
    if let Some(resumed) = seen.and_then(|seen| session.resume(seen)) {
        return Ok(resumed);
    }
    // A client that waits for an answer would wait for ever at the stream that is about no request.
    if seen.is_some_and(|seen| seen.is_of_request() || session.is_listened_to()) {
        return Err(MessageRefusal::with_status(400, None, "this stream is not kept any more"));
    }
    let opened = session.listen(caller.conversation(session));
    opened.map(|reader| (reader, true)).ok_or_else(|| MessageRefusal::with_status(404, None, "the session has ended"))
}

/// The events of a reader from `start` on, with ids; `first` was read already. A client that can resume is first sent
/// the way to do so. No stream is ended before its last message: not every client that may come back does.
fn events(
    reader: StreamReader,
    session: &McpSession,
    start: EventId,
    first: Option<StreamEvent>,
) -> impl Stream<Item = Bytes> + 'static {
    let returns = session.version == LATEST_LEGACY;
    let primer = returns.then(|| Bytes::from(format!("id: {start}\nretry: {RETRY_MILLIS}\ndata: \n\n")));
    let number = start.stream;
    let rest = stream::unfold((reader, first), move |(mut reader, mut first)| async move {
        let event = match first.take() {
            Some(event) => event,
            None => reader.next().await?,
        };
        let id = EventId { stream: number, event: event.number }.to_string();
        Some((event_stream::event(None, Some(&id), &event.body.text()), (reader, None)))
    });
    stream::iter(primer).chain(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mcp_endpoint::{session::tests::session, stream::MessageStream},
        model::UserId,
    };

    #[tokio::test(start_paused = true)]
    async fn a_stream_is_read_to_its_end_however_long_that_takes() {
        let stream = MessageStream::new(3);
        let (ending, reader) = (Arc::clone(&stream), stream.read_after(0));
        let start = reader.at();
        let end = async {
            tokio::time::sleep(Duration::from_secs(60 * 60)).await;
            ending.push(EventBody::Message("{}".into())).await;
            ending.end();
        };
        let session = session(UserId::new());
        let (events, ()) = tokio::join!(events(reader, &session, start, None).collect::<Vec<_>>(), end);
        assert_eq!(events, ["id: 3-0\nretry: 500\ndata: \n\n", "id: 3-1\ndata: {}\n\n"]);
    }
}
