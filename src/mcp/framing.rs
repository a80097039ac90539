//! Newline-delimited framing (specification, transports/stdio) with a cap on the line.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use crate::mcp::partial::{DroppedLine, LineBudget, LineShare, PartialLine};

/// The longest unfinished line that takes nothing of the budget, in bytes.
const SMALL_LINE: usize = 64 * 1024;

/// A frame read from the pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A line without its end, never empty.
    Line(Bytes),
    /// A line over the cap, or that the budget had no room for: its first and last bytes.
    Oversized {
        /// The first bytes.
        head: Bytes,
        /// The last bytes.
        tail: Bytes,
    },
}

/// Cuts a byte stream into lines; feed [`Framer::buffer`], then drain [`Framer::next_frame`].
#[derive(Debug, Default)]
pub struct Framer {
    /// Bytes that came in and are not yet part of a frame.
    pub buffer: BytesMut,
    /// Number of them known to hold no newline.
    scanned: usize,
    /// The part before them, of a large line.
    partial: PartialLine,
}

impl From<DroppedLine> for Frame {
    fn from(DroppedLine { head, tail }: DroppedLine) -> Self {
        Self::Oversized { head, tail }
    }
}

impl Framer {
    /// A framer whose large unfinished lines compete with those of others.
    #[must_use]
    pub fn sharing(budget: &Arc<LineBudget>) -> Self {
        Self { partial: PartialLine::sharing(&LineShare::of(budget)), ..Self::default() }
    }

    /// The next whole line, if there is one. The buffer stays under 64 KiB plus what was fed at once.
    pub fn next_frame(&mut self) -> Option<Frame> {
        loop {
            let fresh = self.buffer.get(self.scanned..).unwrap_or_default();
            let Some(at) = memchr::memchr(b'\n', fresh).map(|at| at + self.scanned) else {
                self.partial.set_aside(&mut self.buffer, SMALL_LINE);
                self.scanned = self.buffer.len();
                return None;
            };
            self.scanned = 0;
            let line = self.buffer.split_to(at);
            self.buffer.advance(1);
            if at > SMALL_LINE {
                // The memory goes with the line.
                self.buffer = BytesMut::from(&*self.buffer);
            }
            let mut line = match self.partial.finish(line) {
                Ok(line) => line,
                Err(dropped) => return Some(dropped.into()),
            };
            if line.last() == Some(&b'\r') {
                line.truncate(line.len().saturating_sub(1));
            }
            if !line.is_empty() {
                return Some(Frame::Line(line.freeze()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(chunks: &[&[u8]]) -> Vec<Frame> {
        let mut framer = Framer::default();
        let mut frames = Vec::new();
        for chunk in chunks {
            framer.buffer.extend_from_slice(chunk);
            frames.extend(std::iter::from_fn(|| framer.next_frame()));
        }
        frames
    }

    #[test]
    fn lines_are_reassembled_however_they_were_cut() {
        let line = |text: &'static str| Frame::Line(Bytes::from_static(text.as_bytes()));
        assert_eq!(frames(&[b"one\ntw", b"o\r\n\n", b"three"]), [line("one"), line("two")]);
    }

    #[test]
    fn a_line_over_the_cap_is_dropped_and_the_next_is_not() {
        let chunk = vec![b'x'; 1 << 20];
        let mut chunks: Vec<&[u8]> = vec![b"head"];
        chunks.extend(std::iter::repeat_n(chunk.as_slice(), 65));
        chunks.push(b"tail\nnext\n");
        let frames = frames(&chunks);
        assert!(
            matches!(&frames[0], Frame::Oversized { head, tail } if head.starts_with(b"head") && tail.ends_with(b"tail"))
        );
        assert_eq!(frames[1], Frame::Line(Bytes::from_static(b"next")));
        assert_eq!(frames.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_cut_anywhere_give_the_same_lines(text in "[ab\n\r]{0,64}", cut in 0usize..64) {
            let bytes = text.as_bytes();
            let cut = cut.min(bytes.len());
            let (a, b) = bytes.split_at(cut);
            proptest::prop_assert_eq!(frames(&[a, b]), frames(&[bytes]));
        }
    }
}
