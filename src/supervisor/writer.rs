//! Writing lines to a server that may read slowly, or not at all.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::{Buf, Bytes};
use tokio::{net::unix::pipe, sync::mpsc};

use crate::supervisor::remote;

/// Lines that may wait for a server that does not read.
const BACKLOG_LINES_MAX: usize = 1024;

/// Bytes of them, where it is more than one.
const BACKLOG_BYTES_MAX: usize = 32 << 20;

/// Queue of lines for a server.
pub(super) enum LineWriter {
    /// Its standard input.
    Pipe(PipeWriter),
    /// Its endpoint.
    Remote(remote::LineSender),
}

impl LineWriter {
    /// Sends or queues a line, and returns where it begins among all bytes; `Err` where nothing of it was or will be
    /// sent: `WouldBlock` where too much waits already.
    pub(super) fn send(&mut self, line: Bytes) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => pipe.send(line),
            Self::Remote(sender) => sender.send(line).map(|()| 0),
        }
    }

    /// Bytes the server has read; `None` for a remote server.
    pub(super) fn read_by_server(&self) -> Option<usize> {
        match self {
            Self::Pipe(pipe) => pipe.read_by_server(),
            Self::Remote(_) => None,
        }
    }
}

/// The pipe to a server's standard input. Dropping it closes the pipe once the backlog is written.
pub(super) struct PipeWriter {
    pipe: Arc<pipe::Sender>,
    backlog: mpsc::Sender<Bytes>,
    /// Bytes of the backlog that are not in the pipe yet.
    waiting: Arc<AtomicUsize>,
    /// Bytes of every line that was taken, written or not.
    accepted: usize,
}

impl PipeWriter {
    /// Takes over the pipe.
    pub(super) fn new(pipe: pipe::Sender) -> Self {
        let (pipe, waiting) = (Arc::new(pipe), Arc::<AtomicUsize>::default());
        let (backlog, lines) = mpsc::channel(BACKLOG_LINES_MAX);
        actix::spawn(write_backlog(pipe.clone(), lines, waiting.clone()));
        Self { pipe, backlog, waiting, accepted: 0 }
    }

    /// Writes a line now where the pipe takes it, or queues it, and returns where it begins among all bytes;
    /// `Err` where nothing of it was or will be written: `WouldBlock` where too much waits already.
    fn send(&mut self, line: Bytes) -> io::Result<usize> {
        let (start, length) = (self.accepted, line.len());
        self.write(line)?;
        self.accepted = start.saturating_add(length);
        Ok(start)
    }

    /// Bytes the server has read; `None` where the system does not say.
    fn read_by_server(&self) -> Option<usize> {
        let unread = rustix::io::ioctl_fionread(&*self.pipe).ok()?.try_into().ok()?;
        self.accepted.checked_sub(self.waiting.load(Ordering::Acquire))?.checked_sub(unread)
    }

    fn write(&self, mut line: Bytes) -> io::Result<()> {
        if self.waiting.load(Ordering::Acquire) == 0 {
            match self.pipe.try_write(&line) {
                Ok(written) => line.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if line.is_empty() {
                return Ok(());
            }
        }
        let length = line.len();
        let before = self.waiting.fetch_add(length, Ordering::AcqRel);
        if before > 0 && before.saturating_add(length) > BACKLOG_BYTES_MAX {
            self.waiting.fetch_sub(length, Ordering::AcqRel);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.backlog.try_send(line).map_err(|_| {
            self.waiting.fetch_sub(length, Ordering::AcqRel);
            io::ErrorKind::WouldBlock.into()
        })
    }
}

async fn write_backlog(pipe: Arc<pipe::Sender>, mut lines: mpsc::Receiver<Bytes>, waiting: Arc<AtomicUsize>) {
    while let Some(line) = lines.recv().await {
        if write_all(&pipe, line, &waiting).await.is_err() {
            return;
        }
    }
}

async fn write_all(pipe: &pipe::Sender, mut line: Bytes, waiting: &AtomicUsize) -> io::Result<()> {
    while !line.is_empty() {
        pipe.writable().await?;
        match pipe.try_write(&line) {
            Ok(written) => {
                line.advance(written);
                waiting.fetch_sub(written, Ordering::AcqRel);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
