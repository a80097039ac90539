//! Server-sent events, read as they come.

use std::collections::VecDeque;

use super::{
    http::{Ask, Exchange},
    seconds,
    wait::now,
};

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub id: String,
    pub data: String,
}

impl Event {
    /// The data as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_else(|_| panic!("no JSON in {self:?}"))
    }
}

/// An open stream of events.
pub struct Events {
    exchange: Exchange,
    text: String,
    ready: VecDeque<Event>,
}

impl Events {
    /// Opens the stream; the answer must be one.
    #[track_caller]
    pub fn open(ask: Ask) -> Self {
        Self::of_answer(ask.header("Accept", "text/event-stream").open().unwrap())
    }

    /// The stream that is the answer to a request.
    #[track_caller]
    pub fn of_answer(mut exchange: Exchange) -> Self {
        let (status, headers) = exchange.head().unwrap();
        let kind = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.clone());
        assert_eq!(status, 200, "a stream of events");
        assert!(kind.as_deref().is_some_and(|kind| kind.starts_with("text/event-stream")), "it is {kind:?}");
        Self::of(exchange)
    }

    /// The stream after its head.
    pub fn of(exchange: Exchange) -> Self {
        Self { exchange, text: String::new(), ready: VecDeque::new() }
    }

    /// The next event that `wanted` likes; fails the test where the stream ends or falls silent before.
    #[track_caller]
    pub fn find(&mut self, mut wanted: impl FnMut(&Event) -> bool) -> Event {
        loop {
            let event = self.next().expect("the stream ended before the event came");
            if wanted(&event) {
                return event;
            }
        }
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        // Comments keep a stream from falling silent.
        let began = now();
        while self.ready.is_empty() {
            assert!(began.elapsed() < seconds(120), "nothing but comments came for two minutes");
            let chunk = self.exchange.chunk().ok()??;
            self.text.push_str(&String::from_utf8_lossy(&chunk));
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                self.ready.extend(parse(block));
                self.text = rest.to_owned();
            }
        }
        self.ready.pop_front()
    }
}

/// `None` for a comment.
fn parse(block: &str) -> Option<Event> {
    let mut event = Event { name: "message".into(), ..Event::default() };
    let mut data = Vec::new();
    for line in block.lines() {
        match line.split_once(':').map(|(field, value)| (field, value.strip_prefix(' ').unwrap_or(value))) {
            Some(("event", value)) => event.name = value.into(),
            Some(("id", value)) => event.id = value.into(),
            Some(("data", value)) => data.push(value),
            _ => {}
        }
    }
    event.data = data.join("\n");
    (!data.is_empty()).then_some(event)
}
