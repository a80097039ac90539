//! Server-sent events of a remote server.

use std::time::Duration;

use crate::{fuzz::stream, supervisor::remote::EventsRead};

/// Bytes of a type or an id from which on it is passed over.
const FIELD_BYTES_MAX: usize = 4096;

/// However a stream is cut, its events are those of the specification, read from the whole of it.
pub fn sse(input: &[u8]) {
    let Some((size, input)) = input.split_first() else { return };
    let stream = stream::extended(input);
    assert_eq!(EventsRead::of(stream::pieces(*size, &stream)), specified(&stream));
}

/// The stream as WHATWG HTML, 9.2.6, reads it, but for long fields, and for the id, which counts before its event ends.
fn specified(stream: &[u8]) -> EventsRead {
    let mut read = EventsRead::default();
    let (mut name, mut data) = (String::new(), None::<Vec<u8>>);
    for line in lines(stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream)) {
        if line.is_empty() {
            let name = std::mem::take(&mut name);
            read.events.extend(data.take().map(|data| Some((name, data))));
            continue;
        }
        let (field, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = (value.len() < FIELD_BYTES_MAX).then(|| String::from_utf8_lossy(value).into_owned());
        match field {
            b"data" => {
                let data = data.get_or_insert_default();
                data.extend_from_slice(value);
                data.push(b'\n');
            }
            b"event" => name = text.unwrap_or_default(),
            b"id" if !value.contains(&0) => {
                if let Some(id) = text {
                    read.last_id = Some(id).filter(|id| !id.is_empty());
                }
            }
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                let pause = text.and_then(|text| text.parse().ok()).map(Duration::from_millis);
                read.retry = pause.or(read.retry);
            }
            _ => {}
        }
    }
    for (_, data) in read.events.iter_mut().flatten() {
        data.pop();
    }
    read
}

/// Lines that have an end: CR LF, LF or CR.
fn lines(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        let (line, end) = rest.split_at(at);
        lines.push(line);
        rest = end.strip_prefix(b"\r\n").or_else(|| end.get(1..)).unwrap_or_default();
    }
    lines
}
