//! Server-sent events as they come in pieces (WHATWG HTML, 9.2.6).

use std::time::Duration;

use bytes::{Buf, BytesMut};

use crate::mcp::{DroppedLine, LineShare, PartialMessage};

/// Passed over at the beginning of a stream.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The longest line beside data that is kept.
const FIELD_BYTES_MAX: usize = 4096;

/// The longest beginning of a line that waits for its end: by then it is known of which field it is, and that it is too
/// long for all but data.
const LINE_START_BYTES_MAX: usize = 2 * FIELD_BYTES_MAX;

/// A whole stream as it was read, for `fuzz`.
#[cfg(any(test, fuzzing))]
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct EventsRead {
    /// Type and data of each event; `None` where its data were dropped.
    pub(crate) events: Vec<Option<(String, Vec<u8>)>>,
    /// The id of the last event that had one.
    pub(crate) last_id: Option<String>,
    /// Pause that the server asked for.
    pub(crate) retry: Option<Duration>,
}

#[cfg(any(test, fuzzing))]
impl EventsRead {
    /// Reads a stream that comes in these pieces.
    pub(crate) fn of<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Self {
        let (mut parser, mut events) = (EventParser::default(), Vec::new());
        for piece in pieces {
            parser.feed(piece);
            let read = std::iter::from_fn(|| parser.next_event());
            events.extend(read.map(|event| event.ok().map(|event| (event.name, event.data.to_vec()))));
            assert!(parser.buffer.len() <= LINE_START_BYTES_MAX, "{} bytes wait", parser.buffer.len());
        }
        Self { events, last_id: parser.last_id, retry: parser.retry }
    }
}

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SseEvent {
    /// Its type; empty where it has none.
    pub name: String,
    /// Its data.
    pub data: BytesMut,
}

/// The line whose beginning was taken before its end came.
#[derive(Default)]
enum OpenLine {
    #[default]
    None,
    Data,
    Ignored,
}

/// Takes a stream of events apart. What it holds beside a few KiB and what is fed at once lies in a budget.
#[derive(Default)]
pub(super) struct EventParser {
    /// The id of the last event that had one.
    pub last_id: Option<String>,
    /// Pause before the stream is opened again, where the server named one.
    pub retry: Option<Duration>,
    buffer: BytesMut,
    /// Bytes of the buffer that are known to hold no end of a line.
    scanned: usize,
    /// The last line ended in a carriage return, and a line feed may belong to it.
    after_return: bool,
    /// True once the first bytes, which may be a byte order mark, have come.
    has_begun: bool,
    line: OpenLine,
    name: String,
    share: LineShare,
    data: PartialMessage,
    has_data: bool,
}

impl EventParser {
    /// A stream of the server with this share of a budget.
    pub(super) fn sharing(share: &LineShare) -> Self {
        Self { share: share.clone(), data: PartialMessage::sharing(share), ..Self::default() }
    }

    /// Goes on with another stream: what was not ended is forgotten, the last id is not.
    pub(super) fn reopened(&mut self) {
        *self = Self { last_id: self.last_id.take(), retry: self.retry, ..Self::sharing(&self.share) };
    }

    /// Takes what came in.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event; `Err` where its data were dropped.
    pub(super) fn next_event(&mut self) -> Option<Result<SseEvent, DroppedLine>> {
        while let Some(line) = self.next_line() {
            match std::mem::take(&mut self.line) {
                OpenLine::Data => self.data.extend(&line),
                OpenLine::Ignored => {}
                OpenLine::None if line.is_empty() => {
                    let name = std::mem::take(&mut self.name);
                    if std::mem::take(&mut self.has_data) {
                        return Some(self.data.finish().map(|data| SseEvent { name, data }));
                    }
                }
                OpenLine::None => drop(self.take_line(&line)),
            }
        }
        self.take_beginning();
        None
    }

    /// True when the data of the unfinished event are known to be dropped.
    pub(super) fn is_dropping(&self) -> bool {
        self.data.is_dropped()
    }

    /// Takes what there is of a long line.
    fn take_beginning(&mut self) {
        if self.buffer.len() <= LINE_START_BYTES_MAX {
            return;
        }
        let part = std::mem::take(&mut self.buffer);
        self.scanned = 0;
        match self.line {
            OpenLine::None => self.line = self.take_line(&part),
            OpenLine::Data => self.data.extend(&part),
            OpenLine::Ignored => {}
        }
    }

    fn next_line(&mut self) -> Option<BytesMut> {
        if self.after_return
            && let Some(next) = self.buffer.first()
        {
            // One line feed at most: another is a line of its own, also where the first was the end of a piece.
            let length = usize::from(*next == b'\n');
            self.buffer.advance(length);
            self.after_return = false;
        }
        if !self.has_begun && self.buffer.len() >= BYTE_ORDER_MARK.len() {
            self.has_begun = true;
            if self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.advance(BYTE_ORDER_MARK.len());
                self.scanned = 0;
            }
        }
        let fresh = self.buffer.get(self.scanned..).unwrap_or_default();
        let Some(at) = memchr::memchr2(b'\n', b'\r', fresh).map(|at| at.saturating_add(self.scanned)) else {
            self.scanned = self.buffer.len();
            return None;
        };
        self.scanned = 0;
        // Also a line shorter than the mark, which may have come alone.
        self.has_begun = true;
        let line = self.buffer.split_to(at);
        self.after_return = self.buffer.first() == Some(&b'\r');
        self.buffer.advance(1);
        Some(line)
    }

    /// Takes a line or its beginning; what of the line is still to be taken.
    fn take_line(&mut self, line: &[u8]) -> OpenLine {
        let (field, value) = match memchr::memchr(b':', line).and_then(|at| line.split_at_checked(at)) {
            Some((field, rest)) => (field, rest.get(1..).unwrap_or_default()),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = || value.get(..FIELD_BYTES_MAX).is_none().then(|| String::from_utf8_lossy(value).into_owned());
        match field {
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.extend(b"\n");
                }
                self.data.extend(value);
                return OpenLine::Data;
            }
            b"event" => self.name = text().unwrap_or_default(),
            // One that is too long is none: its end may not have come, and never come.
            b"id" if !value.contains(&0) => {
                if let Some(id) = text() {
                    self.last_id = Some(id).filter(|id| !id.is_empty());
                }
            }
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                let wait = text().and_then(|text| text.parse().ok()).map(Duration::from_millis);
                self.retry = wait.or(self.retry);
            }
            _ => {}
        }
        OpenLine::Ignored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(events: &mut EventParser, text: &str) -> Vec<(String, String)> {
        events.feed(text.as_bytes());
        let read = |event: Result<SseEvent, DroppedLine>| {
            event.map(|it| (it.name, String::from_utf8(it.data.to_vec()).unwrap())).unwrap()
        };
        std::iter::from_fn(|| events.next_event()).map(read).collect()
    }

    #[test]
    fn events_are_complete_whatever_ends_their_lines() {
        let mut events = EventParser::default();
        let text =
            "\u{feff}: hello\r\nevent: endpoint\r\ndata: /a\r\n\r\ndata:1\rdata: 2\r\rdata\n\nid: 7\nretry: 1500\n";
        let expected = [("endpoint", "/a"), ("", "1\n2"), ("", "")];
        assert_eq!(read(&mut events, text), expected.map(|(name, data)| (name.to_owned(), data.to_owned())));
        assert_eq!((events.last_id.as_deref(), events.retry), (Some("7"), Some(Duration::from_millis(1500))));
    }

    #[test]
    fn an_id_without_data_counts_and_an_unfinished_event_does_not() {
        let mut events = EventParser::default();
        assert_eq!(read(&mut events, "id: a\ndata:\n\nid: b\n\ndata: cut"), [(String::new(), String::new())]);
        events.reopened();
        assert_eq!(read(&mut events, "data: x\n\n"), [(String::new(), "x".to_owned())]);
        assert_eq!(events.last_id.as_deref(), Some("b"));
    }

    #[test]
    fn data_over_the_cap_are_dropped_and_the_next_event_is_not() {
        let whole_line = [&[b'x'; 1 << 20][..], b""].concat();
        let many_lines = b"\ndata: x".repeat(1 << 17);
        for piece in [whole_line, many_lines] {
            let mut events = EventParser::default();
            events.feed(b"data: {\"id\":7,");
            for _ in 0..17 {
                events.feed(&piece);
                assert!(events.next_event().is_none() && events.buffer.len() <= LINE_START_BYTES_MAX);
            }
            assert!(events.is_dropping() || piece.starts_with(b"\n"));
            for _ in 0..64 {
                events.feed(&piece);
                assert_eq!(events.next_event(), None);
            }
            assert!(events.is_dropping());
            events.feed(b"the end\n\ndata: next\n\n");
            let Some(Err(dropped)) = events.next_event() else { panic!("not dropped") };
            assert!(dropped.head.starts_with(b"{\"id\":7,") && dropped.tail.ends_with(b"the end"));
            assert_eq!(read(&mut events, ""), [(String::new(), "next".to_owned())]);
        }
    }

    #[test]
    fn a_long_line_is_taken_as_it_comes_and_ends_as_any_other() {
        let long = "x".repeat(LINE_START_BYTES_MAX);
        let mut events = EventParser::default();
        assert_eq!(read(&mut events, "id: 7\n"), []);
        for text in ["data: ", &long, "y", "\r", "\n: ", &long, "z\n", "id: ", &long, "z\n", "data:", &long, "z\n"] {
            assert_eq!(read(&mut events, text), []);
        }
        assert_eq!(read(&mut events, "\n"), [(String::new(), format!("{long}y\n{long}z"))]);
        assert_eq!(events.last_id.as_deref(), Some("7"));
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_at_the_very_beginning_alone() {
        let mut events = EventParser::default();
        for piece in [b"\xef", b"\xbb", b"\xbf"] {
            events.feed(piece);
            assert_eq!(events.next_event(), None);
        }
        assert_eq!(read(&mut events, "data: x\n\n"), [(String::new(), "x".to_owned())]);
        let mut events = EventParser::default();
        assert_eq!(read(&mut events, "\n"), []);
        assert_eq!(read(&mut events, "\u{feff}data: x\n\n"), []);
    }

    #[test]
    fn a_pause_is_digits_alone() {
        let mut events = EventParser::default();
        assert_eq!(read(&mut events, "retry: 7\nretry: +8\nretry: 9s\nretry: -1\nretry:\n"), []);
        assert_eq!(events.retry, Some(Duration::from_millis(7)));
    }

    #[test]
    fn an_empty_line_in_a_later_chunk_ends_the_event() {
        let mut events = EventParser::default();
        assert_eq!(read(&mut events, "data: x\r\n"), []);
        assert_eq!(read(&mut events, "\n"), [(String::new(), "x".to_owned())]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_cut_anywhere_gives_the_same_events(text in "(data:|id:|a|\n|\r){0,24}", cut in 0usize..64) {
            let (mut whole, mut parts) = (EventParser::default(), EventParser::default());
            let cut = cut.min(text.len());
            let expected = read(&mut whole, &text);
            let mut found = read(&mut parts, &text[..cut]);
            found.extend(read(&mut parts, &text[cut..]));
            proptest::prop_assert_eq!(found, expected);
            proptest::prop_assert_eq!(parts.last_id, whole.last_id);
        }
    }
}
