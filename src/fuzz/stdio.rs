//! Lines of a server, as its standard output brings them.

use std::iter;

use bytes::Bytes;

use crate::{
    fuzz::{envelope, stream},
    mcp::{Frame, Framer},
};

/// Bytes of an unfinished line that may wait outside of the budget.
const WAITING_BYTES_MAX: usize = 64 << 10;

/// However a stream is cut, its lines are those between line feeds, less a carriage return at the end and those that
/// are empty; little waits, and each line is a message or none.
pub fn stdio(input: &[u8]) {
    let Some((size, input)) = input.split_first() else { return };
    let stream = stream::extended(input);
    let (mut framer, mut frames) = (Framer::default(), Vec::new());
    for piece in stream::pieces(*size, &stream) {
        framer.buffer.extend_from_slice(piece);
        frames.extend(iter::from_fn(|| framer.next_frame()));
        assert!(framer.buffer.len() <= WAITING_BYTES_MAX, "{} bytes wait", framer.buffer.len());
    }
    let lines = lines(&stream);
    let expected: Vec<_> = lines.iter().map(|line| Frame::Line(Bytes::copy_from_slice(line))).collect();
    assert_eq!(frames, expected);
    lines.into_iter().filter(|line| line.len() < WAITING_BYTES_MAX).for_each(envelope);
}

fn lines(stream: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = stream.split(|byte| *byte == b'\n').collect();
    // The last one has no end.
    lines.pop();
    lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty()).collect()
}
