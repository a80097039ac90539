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

/// Lines that may wait for a server that does not read.
const BACKLOG: usize = 1024;

/// The pipe to a server's standard input. Dropping it closes the pipe once the backlog is written.
pub(super) struct Writer {
    pipe: Arc<pipe::Sender>,
    backlog: mpsc::Sender<Bytes>,
    waiting: Arc<AtomicUsize>,
}

impl Writer {
    /// Takes over the pipe.
    pub fn new(pipe: pipe::Sender) -> Self {
        let (pipe, waiting) = (Arc::new(pipe), Arc::<AtomicUsize>::default());
        let (backlog, lines) = mpsc::channel(BACKLOG);
        actix::spawn(write_backlog(pipe.clone(), lines, waiting.clone()));
        Self { pipe, backlog, waiting }
    }

    /// Writes a line now where the pipe takes it, or queues it; `Err` where nothing of it was or will be written.
    pub fn send(&self, mut line: Bytes) -> io::Result<()> {
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
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.backlog.try_send(line).map_err(|_| {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            io::ErrorKind::WouldBlock.into()
        })
    }
}

async fn write_backlog(pipe: Arc<pipe::Sender>, mut lines: mpsc::Receiver<Bytes>, waiting: Arc<AtomicUsize>) {
    while let Some(line) = lines.recv().await {
        if write_all(&pipe, line).await.is_err() {
            return;
        }
        waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn write_all(pipe: &pipe::Sender, mut line: Bytes) -> io::Result<()> {
    while !line.is_empty() {
        pipe.writable().await?;
        match pipe.try_write(&line) {
            Ok(written) => line.advance(written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
