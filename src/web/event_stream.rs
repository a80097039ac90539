//! Server-sent events: how they are written, and how an endless answer ends.

use std::{convert::Infallible, time::Duration};

use actix_web::{
    HttpResponse,
    http::header::{self, HeaderMap},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, MissedTickBehavior};

/// Interval at which a silent stream sends a comment, as proxies close silent connections.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// The media type of event streams.
pub(crate) const CONTENT_TYPE: &str = "text/event-stream";

/// True where the client accepts events.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| {
        accept.split(',').any(|part| part.split(';').next().is_some_and(|media| media.trim() == CONTENT_TYPE))
    })
}

/// One event; `data` may have several lines.
pub(crate) fn event(name: Option<&str>, id: Option<&str>, data: &str) -> Bytes {
    let mut text = String::with_capacity(data.len() + 48);
    if let Some(name) = name {
        text.extend(["event: ", name, "\n"]);
    }
    if let Some(id) = id {
        text.extend(["id: ", id, "\n"]);
    }
    // A lone carriage return ends a line too, and would let data pass for fields.
    let mut start = 0;
    for end in memchr::memchr2_iter(b'\n', b'\r', data.as_bytes()).chain([data.len()]) {
        text.extend(["data: ", data.get(start..end).unwrap_or_default(), "\n"]);
        start = end + 1;
    }
    text.push('\n');
    text.into()
}

/// Opens a stream that may be silent for long: sends `events`, and a comment at once and now and then, until they end,
/// which they do when Ostler shuts down, or the client goes.
pub(crate) fn respond(events: impl Stream<Item = Bytes> + 'static) -> HttpResponse {
    // The head goes out with the first bytes: the client should know at once that the stream is open.
    let opened = stream::once(async { Bytes::from_static(b": open\n\n") });
    stream_response(opened.chain(with_keep_alive(events)))
}

/// Sends `events`, and a comment now and then, until they end or the client goes, shutdown or not.
pub(crate) fn respond_to_the_end(events: impl Stream<Item = Bytes> + 'static) -> HttpResponse {
    stream_response(with_keep_alive(events))
}

fn stream_response(body: impl Stream<Item = Bytes> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(CONTENT_TYPE)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body.map(Ok::<_, Infallible>))
}

fn with_keep_alive(events: impl Stream<Item = Bytes> + 'static) -> impl Stream<Item = Bytes> + 'static {
    let mut ticks = tokio::time::interval_at(Instant::now() + KEEP_ALIVE_INTERVAL, KEEP_ALIVE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((Box::pin(events), ticks), |(mut events, mut ticks)| async move {
        let chunk = tokio::select! {
            biased;
            event = events.next() => event?,
            _ = ticks.tick() => Bytes::from_static(b": alive\n\n"),
        };
        Some((chunk, (events, ticks)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_its_lines() {
        assert_eq!(event(Some("result"), None, "{\n1}"), "event: result\ndata: {\ndata: 1}\n\n");
        assert_eq!(event(None, Some("7"), "x"), "id: 7\ndata: x\n\n");
    }

    #[test]
    fn data_cannot_pass_for_a_field() {
        assert_eq!(event(None, None, "a\revent: forged"), "data: a\ndata: event: forged\n\n");
    }

    #[actix_web::test]
    async fn a_silent_stream_shows_that_it_is_alive() {
        tokio::time::pause();
        let mut silent = Box::pin(with_keep_alive(stream::pending()));
        assert_eq!(silent.next().await.unwrap(), ": alive\n\n");
    }
}
