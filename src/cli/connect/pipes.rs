//! Standard input and output of this process, each with a thread of its own: neither can be waited for otherwise.

use std::{
    io::{Read, Write},
    thread,
};

use bytes::Bytes;
use ostler::mcp::{Frame, Framer};
use tokio::sync::{mpsc, oneshot};

/// Bytes read at once.
const PIECE: usize = 64 * 1024;

/// Lines that may wait on either side.
const QUEUED_LINES_MAX: usize = 16;

/// The lines of standard input; the receiver ends with it.
pub(super) fn input() -> mpsc::Receiver<Frame> {
    let (sender, receiver) = mpsc::channel(QUEUED_LINES_MAX);
    thread::spawn(move || {
        let (mut framer, mut piece) = (Framer::default(), vec![0; PIECE]);
        let mut input = std::io::stdin().lock();
        while let Ok(count @ 1..) = input.read(&mut piece) {
            framer.buffer.extend_from_slice(piece.get(..count).unwrap_or_default());
            while let Some(frame) = framer.next_frame() {
                if sender.blocking_send(frame).is_err() {
                    return;
                }
            }
        }
        // A last line without its end is one all the same.
        framer.buffer.extend_from_slice(b"\n");
        if let Some(frame) = framer.next_frame() {
            let _ = sender.blocking_send(frame);
        }
    });
    receiver
}

/// Standard output.
pub(super) struct StandardOutput {
    lines: mpsc::Sender<Bytes>,
    written: oneshot::Receiver<()>,
}

impl StandardOutput {
    /// Starts the thread that writes.
    pub(super) fn open() -> Self {
        let (lines, mut waiting) = mpsc::channel::<Bytes>(QUEUED_LINES_MAX);
        let (done, written) = oneshot::channel();
        thread::spawn(move || {
            let mut out = std::io::stdout().lock();
            while let Some(line) = waiting.blocking_recv() {
                let whole = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
                if whole.and_then(|()| if waiting.is_empty() { out.flush() } else { Ok(()) }).is_err() {
                    break;
                }
            }
            let _ = done.send(());
        });
        Self { lines, written }
    }

    /// Writes a line; waits while the client reads slowly, and does nothing where it is gone.
    pub(super) async fn write(&self, line: Bytes) {
        let _ = self.lines.send(line).await;
    }

    /// Waits until everything is written.
    pub(super) async fn finish(self) {
        drop(self.lines);
        let _ = self.written.await;
    }
}
