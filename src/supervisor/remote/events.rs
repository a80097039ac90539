//! Server-sent events as they come in pieces (WHATWG HTML, 9.2.6).

use std::time::Duration;

use bytes::{Buf, BytesMut};

use crate::mcp::MAX_LINE;

/// The longest line beside data that is kept.
const LONGEST_FIELD: usize = 4096;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its type; empty where it has none.
    pub name: String,
    /// Its data.
    pub data: Vec<u8>,
}

/// An event whose data are longer than a message may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Takes a stream of events apart. Memory stays under twice [`MAX_LINE`] plus what is fed at once.
#[derive(Default)]
pub(super) struct Events {
    /// The id of the last event that had one.
    pub last_id: Option<String>,
    /// How long to wait before the stream is opened again, where the server said so.
    pub retry: Option<Duration>,
    buffer: BytesMut,
    /// How many bytes of the buffer hold no end of a line.
    scanned: usize,
    /// The last line ended in a carriage return, and a line feed may belong to it.
    after_return: bool,
    begun: bool,
    name: String,
    data: Vec<u8>,
    has_data: bool,
}

impl Events {
    /// Goes on with another stream: what was not ended is forgotten, the last id is not.
    pub fn reopened(&mut self) {
        *self = Self { last_id: self.last_id.take(), retry: self.retry, ..Self::default() };
    }

    /// Takes what came in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event.
    pub fn next_event(&mut self) -> Option<Result<Event, TooLong>> {
        while let Some(line) = self.next_line() {
            if line.is_empty() {
                let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
                if std::mem::take(&mut self.has_data) {
                    return Some(Ok(Event { name, data }));
                }
                continue;
            }
            self.take_line(&line);
            if self.data.len() > MAX_LINE {
                return Some(Err(TooLong));
            }
        }
        (self.buffer.len() > MAX_LINE).then_some(Err(TooLong))
    }

    fn next_line(&mut self) -> Option<BytesMut> {
        if self.after_return && self.buffer.first() == Some(&b'\n') {
            self.buffer.advance(1);
        }
        self.after_return &= self.buffer.is_empty();
        if !self.begun && self.buffer.len() >= 3 {
            self.begun = true;
            if self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.buffer.advance(3);
                self.scanned = 0;
            }
        }
        let fresh = self.buffer.get(self.scanned..).unwrap_or_default();
        let Some(at) = memchr::memchr2(b'\n', b'\r', fresh).map(|at| at.saturating_add(self.scanned)) else {
            self.scanned = self.buffer.len();
            return None;
        };
        self.scanned = 0;
        let line = self.buffer.split_to(at);
        self.after_return = self.buffer.first() == Some(&b'\r');
        self.buffer.advance(1);
        Some(line)
    }

    fn take_line(&mut self, line: &[u8]) {
        let (field, value) = match memchr::memchr(b':', line).and_then(|at| line.split_at_checked(at)) {
            Some((field, rest)) => (field, rest.get(1..).unwrap_or_default()),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = || value.get(..LONGEST_FIELD).is_none().then(|| String::from_utf8_lossy(value).into_owned());
        match field {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => self.name = text().unwrap_or_default(),
            b"id" if !value.contains(&0) => self.last_id = text().filter(|id| !id.is_empty()),
            b"retry" => {
                let wait = text().and_then(|text| text.parse().ok()).map(Duration::from_millis);
                self.retry = wait.or(self.retry);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(events: &mut Events, text: &str) -> Vec<(String, String)> {
        events.feed(text.as_bytes());
        let read =
            |event: Result<Event, TooLong>| event.map(|it| (it.name, String::from_utf8(it.data).unwrap())).unwrap();
        std::iter::from_fn(|| events.next_event()).map(read).collect()
    }

    #[test]
    fn events_come_whole_whatever_ends_their_lines() {
        let mut events = Events::default();
        let text =
            "\u{feff}: hello\r\nevent: endpoint\r\ndata: /a\r\n\r\ndata:1\rdata: 2\r\rdata\n\nid: 7\nretry: 1500\n";
        let expected = [("endpoint", "/a"), ("", "1\n2"), ("", "")];
        assert_eq!(read(&mut events, text), expected.map(|(name, data)| (name.to_owned(), data.to_owned())));
        assert_eq!((events.last_id.as_deref(), events.retry), (Some("7"), Some(Duration::from_millis(1500))));
    }

    #[test]
    fn an_id_without_data_counts_and_an_unfinished_event_does_not() {
        let mut events = Events::default();
        assert_eq!(read(&mut events, "id: a\ndata:\n\nid: b\n\ndata: cut"), [(String::new(), String::new())]);
        events.reopened();
        assert_eq!(read(&mut events, "data: x\n\n"), [(String::new(), "x".to_owned())]);
        assert_eq!(events.last_id.as_deref(), Some("b"));
    }

    #[test]
    fn data_without_an_end_are_given_up() {
        let mut events = Events::default();
        events.feed(b"data: ");
        for _ in 0..17 {
            events.feed(&[b'x'; 1 << 20]);
        }
        assert_eq!(events.next_event(), Some(Err(TooLong)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_cut_anywhere_gives_the_same_events(text in "(data:|id:|a|\n|\r){0,24}", cut in 0usize..64) {
            let (mut whole, mut parts) = (Events::default(), Events::default());
            let cut = cut.min(text.len());
            let expected = read(&mut whole, &text);
            let mut found = read(&mut parts, &text[..cut]);
            found.extend(read(&mut parts, &text[cut..]));
            proptest::prop_assert_eq!(found, expected);
            proptest::prop_assert_eq!(parts.last_id, whole.last_id);
        }
    }
}
