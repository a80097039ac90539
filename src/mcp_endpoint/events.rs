//! Streams of the older era as server-sent events, which a client may leave and come back to.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::Instant;

use super::{
    headers,
    refusal::Refusal,
    reply,
    session::Session,
    sessions::named_session,
    spawn_on_drop::SpawnOnDrop,
    stream::{Body, Event, EventId, Reader},
};
use crate::bridge::ServerScope;
use crate::{
    mcp::{Era, LATEST_LEGACY},
    web::{HandlerResult, authenticate::Caller, event_stream},
};

/// After how long without an answer the client is told that there will be one.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a stream is held open for clients that know how to come back to it.
const HELD: Duration = Duration::from_secs(25);
/// When they come back, in milliseconds.
const RETRY: u32 = 500;

/// The answer to one request, which `work` writes: JSON where it comes first, otherwise events.
pub(super) async fn respond(
    session: &Session,
    mut reader: Reader,
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
        match tokio::time::timeout(PATIENCE, next).await {
            Ok(Some(Event { body: Body::Answer(id, outcome), .. })) => {
                return reply::whole(Era::Legacy, &id, &outcome);
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
    Ok(event_stream::respond_to_the_end(events(reader, session, Some(HELD), start, first)))
}

/// The answers to a batch: events, or a JSON array where the client takes no events.
pub(super) async fn respond_to_batch(session: &Session, mut reader: Reader, takes_events: bool) -> HandlerResult {
    if takes_events {
        session.keep(&reader.stream);
        let start = reader.at();
        return Ok(event_stream::respond_to_the_end(events(reader, session, Some(HELD), start, None)));
    }
    let mut answers = Vec::new();
    while let Some(event) = reader.next().await {
        if let Body::Answer(..) = event.body {
            answers.push(event.body.text().into_owned());
        }
    }
    Ok(reply::json(StatusCode::OK, format!("[{}]", answers.join(","))))
}

/// Opens the stream that is about no request, or goes on with one that was left.
pub(super) fn get(http: &HttpRequest, caller: &Caller, scope: ServerScope) -> HandlerResult {
    let session = match named_session(http, caller, scope) {
        Ok(session) => session,
        Err(refusal) => return Ok(refusal.respond()),
    };
    let (reader, is_standalone) = match open(http, caller, &session) {
        Ok(opened) => opened,
        Err(refusal) => return Ok(refusal.respond()),
    };
    let start = reader.at();
    Ok(if is_standalone {
        let revoked = Box::pin(caller.runtime.revoked(&caller.who, scope.needs()));
        event_stream::respond(&caller.runtime, events(reader, &session, None, start, None).take_until(revoked))
    } else if reader.is_at_the_end() {
        // What tells a reader of events not to come back (HTML, "Server-sent events").
        HttpResponse::NoContent().finish()
    } else {
        event_stream::respond_to_the_end(events(reader, &session, Some(HELD), start, None))
    })
}

/// The stream that is wanted, and whether it is the one that is about no request.
fn open(http: &HttpRequest, caller: &Caller, session: &Arc<Session>) -> Result<(Reader, bool), Refusal> {
    let (takes_events, _) = headers::accepts(http.headers());
    if !takes_events {
        return Err(Refusal::own(406, None, "this is a stream of events; accept text/event-stream"));
    }
    let seen = headers::only(http.headers(), &headers::LAST_EVENT).map_err(|text| Refusal::invalid(None, &text))?;
    let seen: Option<EventId> = match seen {
        Some(text) => {
            Some(text.parse().map_err(|()| Refusal::invalid(None, "the header Last-Event-ID is none of ours"))?)
        }
        None => None,
    };
    if let Some(resumed) = seen.and_then(|seen| session.resume(seen)) {
        return Ok(resumed);
    }
    if seen.is_some() && session.is_listened_to() {
        return Err(Refusal::own(400, None, "this stream is not kept any more"));
    }
    let opened = session.listen(session.conversation(caller));
    opened.map(|reader| (reader, true)).ok_or_else(|| Refusal::own(404, None, "the session has ended"))
}

/// What a reader reads, with ids, from `start` on; `first` was read already. A client that knows how is told at once how to
/// come back, and sent away after the time it may be `held`.
fn events(
    reader: Reader,
    session: &Session,
    held: Option<Duration>,
    start: EventId,
    first: Option<Event>,
) -> impl Stream<Item = Bytes> + 'static {
    let returns = session.version == LATEST_LEGACY;
    let primer = returns.then(|| Bytes::from(format!("id: {start}\nretry: {RETRY}\ndata: \n\n")));
    let until = held.filter(|_| returns).map(|held| Instant::now() + held);
    let number = start.stream;
    stream::unfold((reader, primer, first), move |(mut reader, mut primer, mut first)| async move {
        if let Some(primer) = primer.take() {
            return Some((primer, (reader, None, first)));
        }
        let event = match (first.take(), until) {
            (Some(event), _) => event,
            (None, Some(until)) => tokio::time::timeout_at(until, reader.next()).await.ok()??,
            (None, None) => reader.next().await?,
        };
        let id = EventId { stream: number, event: event.number }.to_string();
        Some((event_stream::event(None, Some(&id), &event.body.text()), (reader, None, None)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mcp_endpoint::{session::tests::session, stream::Stream as Said},
        model::UserId,
    };

    async fn said(stream: &Arc<Said>, held: Option<Duration>) -> Vec<String> {
        let session = session(UserId::new());
        let reader = stream.read_after(0);
        let start = reader.at();
        let events: Vec<_> = events(reader, &session, held, start, None).collect().await;
        events.iter().map(|event| String::from_utf8_lossy(event).into_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn who_can_come_back_is_sent_away_after_a_while() {
        let stream = Said::new(3);
        stream.push(Body::Message("{}".into())).await;
        let began = Instant::now();
        assert_eq!(said(&stream, Some(HELD)).await, ["id: 3-0\nretry: 500\ndata: \n\n", "id: 3-1\ndata: {}\n\n"]);
        assert!(began.elapsed() >= HELD && began.elapsed() < HELD * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_not_held_for_a_time_is_read_to_its_end() {
        let stream = Said::new(3);
        let ending = Arc::clone(&stream);
        let began = Instant::now();
        let end = async {
            tokio::time::sleep(HELD * 10).await;
            ending.end();
        };
        let (events, ()) = tokio::join!(said(&stream, None), end);
        assert_eq!(events.len(), 1);
        assert!(began.elapsed() >= HELD * 10);
    }
}
