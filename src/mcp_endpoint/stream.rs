//! [`MessageStream`]: messages to a client about one request, or about none; kept, so that a client of the older era
//! can resume it.

use std::{borrow::Cow, collections::VecDeque, fmt, str::FromStr, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{json_rpc_id::JsonRpcId, reply};
use crate::bridge::{ClientStream, RpcResult};

/// Events kept for a reader who comes back, or is slow.
const EVENTS_PER_STREAM_MAX: usize = 256;
/// Their bytes, as far as there is more than one.
const BYTES_PER_STREAM_MAX: usize = 1 << 20;

/// The position of an event: the number of its stream in the session, and its own. Numbers of streams that are about a
/// request are even, so that a position says so after its stream is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    /// The stream's number.
    pub stream: u64,
    /// The event's; 0 is before the first.
    pub event: u64,
}

impl EventId {
    /// True where its stream is about a request.
    pub(super) fn is_of_request(self) -> bool {
        self.stream.is_multiple_of(2)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stream, self.event)
    }
}

impl FromStr for EventId {
    type Err = ();

    /// Reads exactly what `Display` writes.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (stream, event) = text.split_once('-').ok_or(())?;
        let id = Self { stream: stream.parse().map_err(drop)?, event: event.parse().map_err(drop)? };
        (id.to_string() == text).then_some(id).ok_or(())
    }
}

/// One message on its way.
#[derive(Clone, Debug)]
pub(super) struct StreamEvent {
    /// Its number in the stream.
    pub number: u64,
    /// The message.
    pub body: EventBody,
}

/// A message to a client.
#[derive(Clone, Debug)]
pub(super) enum EventBody {
    /// A notification or a question, as JSON.
    Message(Arc<str>),
    /// The answer to a request.
    Answer(JsonRpcId, RpcResult),
}

impl EventBody {
    /// The whole message, as JSON.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Message(text) => Cow::Borrowed(text),
            Self::Answer(id, outcome) => Cow::Owned(reply::of(id, outcome)),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Message(text) => text.len(),
            Self::Answer(_, Ok(value) | Err(value)) => value.get().len(),
        }
    }
}

/// Messages in order, each read by one reader at a time.
pub(super) struct MessageStream {
    /// Its number in the session.
    pub number: u64,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    events: VecDeque<StreamEvent>,
    bytes: usize,
    last: u64,
    /// The last one that was read.
    read: u64,
    ended: bool,
    /// The reader that holds the stream; a later one takes it over.
    reader: u64,
    is_read: bool,
}

impl MessageStream {
    pub(super) fn new(number: u64) -> Arc<Self> {
        Arc::new(Self { number, state: Mutex::default(), changed: Notify::new() })
    }

    /// Adds a message, and answers whether it did: the stream may have ended. Waits while a reader is too far behind;
    /// without a reader the oldest ones are forgotten instead.
    pub(super) async fn push(&self, body: EventBody) -> bool {
        loop {
            // Made before it is looked at, so that no change is missed.
            let changed = self.changed.notified();
            {
                let mut state = self.state.lock();
                if state.ended {
                    return false;
                }
                if state.has_room() {
                    state.add(body);
                    break;
                }
            }
            changed.await;
        }
        self.changed.notify_waiters();
        true
    }

    /// Ends the stream: who reads it gets what is there, then the end.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
        self.changed.notify_waiters();
    }

    /// True once no more messages are accepted.
    pub(super) fn has_ended(&self) -> bool {
        self.state.lock().ended
    }

    /// The number of bytes kept.
    pub(super) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// True while a reader holds it.
    pub(super) fn is_read(&self) -> bool {
        self.state.lock().is_read
    }

    /// Reads what comes after an event; who read before reads no more.
    pub(super) fn read_after(self: &Arc<Self>, event: u64) -> StreamReader {
        let mut state = self.state.lock();
        (state.reader, state.read, state.is_read) = (state.reader.wrapping_add(1), event.min(state.last), true);
        let reader = StreamReader { stream: Arc::clone(self), number: state.reader, after: event };
        drop(state);
        self.changed.notify_waiters();
        reader
    }
}

impl State {
    fn has_room(&self) -> bool {
        let unread = || self.events.iter().filter(|event| event.number > self.read);
        !self.is_read
            || (unread().count() < EVENTS_PER_STREAM_MAX
                && unread().map(|event| event.body.len()).sum::<usize>() < BYTES_PER_STREAM_MAX)
    }

    fn add(&mut self, body: EventBody) {
        self.last = self.last.saturating_add(1);
        self.bytes = self.bytes.saturating_add(body.len());
        self.events.push_back(StreamEvent { number: self.last, body });
        while self.events.len() > 1 && (self.events.len() > EVENTS_PER_STREAM_MAX || self.bytes > BYTES_PER_STREAM_MAX)
        {
            let may_go = self.events.front().is_some_and(|event| !self.is_read || event.number <= self.read);
            let Some(gone) = may_go.then(|| self.events.pop_front()).flatten() else { return };
            self.bytes = self.bytes.saturating_sub(gone.body.len());
        }
    }
}

/// Reads a stream from some event on.
pub(super) struct StreamReader {
    pub stream: Arc<MessageStream>,
    number: u64,
    after: u64,
}

impl StreamReader {
    /// The next message; `None` where the stream has ended or another reader has taken it over.
    pub(super) async fn next(&mut self) -> Option<StreamEvent> {
        let stream = Arc::clone(&self.stream);
        loop {
            let changed = stream.changed.notified();
            match self.read() {
                ReadResult::Event(event) => {
                    stream.changed.notify_waiters();
                    return Some(event);
                }
                ReadResult::Ended => return None,
                ReadResult::Pending => changed.await,
            }
        }
    }

    /// True where nothing follows the last message read.
    pub(super) fn is_at_the_end(&self) -> bool {
        let state = self.stream.state.lock();
        state.ended && state.last <= self.after
    }

    /// The position of the last message read.
    pub(super) fn at(&self) -> EventId {
        EventId { stream: self.stream.number, event: self.after }
    }

    fn read(&mut self) -> ReadResult {
        let mut state = self.stream.state.lock();
        if state.reader != self.number {
            return ReadResult::Ended;
        }
        let next = state.events.iter().find(|event| event.number > self.after).cloned();
        match next {
            Some(event) => {
                (self.after, state.read) = (event.number, event.number);
                ReadResult::Event(event)
            }
            None if state.ended => ReadResult::Ended,
            None => ReadResult::Pending,
        }
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        {
            let mut state = self.stream.state.lock();
            if state.reader == self.number {
                state.is_read = false;
            }
        }
        self.stream.changed.notify_waiters();
    }
}

enum ReadResult {
    Event(StreamEvent),
    Pending,
    Ended,
}

impl ClientStream for MessageStream {
    fn send(&self, message: Arc<str>) -> BoxFuture<'_, bool> {
        self.push(EventBody::Message(message)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn message(text: impl Into<Arc<str>>) -> EventBody {
        EventBody::Message(text.into())
    }

    async fn read_all(reader: &mut StreamReader) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(event) = reader.next().await {
            texts.push(event.body.text().into_owned());
        }
        texts
    }

    #[test]
    fn an_id_is_read_as_it_was_given_out_alone() {
        let id = EventId { stream: 42, event: 7 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "42", "42-", "-7", "+42-7", "42-07", "42-7 ", "42-7-1", "18446744073709551616-0"] {
            assert_eq!(text.parse::<EventId>(), Err(()), "{text}");
        }
    }

    #[tokio::test]
    async fn what_was_missed_is_read_by_whoever_comes_back() {
        let stream = MessageStream::new(7);
        let mut first = stream.read_after(0);
        stream.push(message("a")).await;
        assert_eq!(first.next().await.unwrap().number, 1);
        let seen = first.at();
        drop(first);
        stream.push(message("b")).await;
        stream.push(message("c")).await;
        stream.end();
        assert_eq!(read_all(&mut stream.read_after(seen.event)).await, ["b", "c"]);
        assert_eq!(seen.to_string().parse(), Ok(seen));
    }

    #[tokio::test]
    async fn who_comes_later_takes_over() {
        let stream = MessageStream::new(1);
        let mut first = stream.read_after(0);
        let mut second = stream.read_after(0);
        stream.push(message("a")).await;
        assert!(first.next().await.is_none());
        drop(first);
        assert_eq!(second.next().await.unwrap().body.text(), "a");
    }

    #[tokio::test]
    async fn a_slow_reader_is_waited_for_and_an_absent_one_is_not() {
        let stream = MessageStream::new(1);
        let mut reader = stream.read_after(0);
        for _ in 0..EVENTS_PER_STREAM_MAX {
            stream.push(message("x")).await;
        }
        let mut waiting = Box::pin(stream.push(message("late")));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(reader.next().await.unwrap().number, 1);
        waiting.await;
        drop(reader);
        for _ in 0..EVENTS_PER_STREAM_MAX {
            stream.push(message("y")).await;
        }
        stream.end();
        let left = read_all(&mut stream.read_after(0)).await;
        assert_eq!((left.len(), left.iter().all(|text| text == "y")), (EVENTS_PER_STREAM_MAX, true));
    }

    #[tokio::test]
    async fn a_message_longer_than_the_buffer_is_kept() {
        let stream = MessageStream::new(1);
        stream.push(message("small")).await;
        stream.push(message("x".repeat(BYTES_PER_STREAM_MAX + 1))).await;
        stream.end();
        assert_eq!(read_all(&mut stream.read_after(0)).await.len(), 1);
    }
}
