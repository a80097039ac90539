//! Writer of the log on a thread of its own, so that no caller waits for a slow reader of standard error.

use std::{
    io::{self, Write},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Bytes queued to be written. Further lines are dropped, and counted.
const QUEUED_BYTES_MAX: usize = 1 << 20;

/// Time that [`drain`] waits for the last lines.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The way to the thread, for [`drain`].
static THREAD: OnceLock<mpsc::Sender<OutletItem>> = OnceLock::new();

enum OutletItem {
    Lines(Vec<u8>),
    /// Signalled once all before it is written.
    Mark(mpsc::Sender<()>),
}

/// Takes what is to be written to standard error. Never blocks.
pub(super) struct Outlet {
    thread: mpsc::Sender<OutletItem>,
    backlog: Arc<OutletBacklog>,
}

#[derive(Default)]
struct OutletBacklog {
    bytes: AtomicUsize,
    lost: AtomicUsize,
}

impl Outlet {
    /// Starts the thread.
    pub(super) fn open() -> io::Result<Self> {
        let (sender, pieces) = mpsc::channel();
        let backlog = Arc::<OutletBacklog>::default();
        let outlet = Self { thread: sender.clone(), backlog: backlog.clone() };
        thread::Builder::new().name("log".into()).spawn(move || write_out(&pieces, &backlog))?;
        let _ = THREAD.set(sender);
        Ok(outlet)
    }
}

impl Write for Outlet {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let waiting = self.backlog.bytes.fetch_add(lines.len(), Ordering::Relaxed);
        if waiting.saturating_add(lines.len()) > QUEUED_BYTES_MAX {
            self.backlog.bytes.fetch_sub(lines.len(), Ordering::Relaxed);
            self.backlog.lost.fetch_add(1, Ordering::Relaxed);
        } else {
            let _ = self.thread.send(OutletItem::Lines(lines.to_vec()));
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_out(pieces: &mpsc::Receiver<OutletItem>, backlog: &OutletBacklog) {
    for piece in pieces {
        match piece {
            OutletItem::Lines(lines) => {
                // A failure is ignored: standard error has no reader, and there is no other place to report it.
                let _ = io::stderr().write_all(&lines);
                backlog.bytes.fetch_sub(lines.len(), Ordering::Relaxed);
                let lost = backlog.lost.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    log::warn!(lines = lost; "lines were left out of the log: it was not read in time");
                }
            }
            OutletItem::Mark(reached) => drop(reached.send(())),
        }
    }
}

/// Waits until all that was logged so far is written, a second at most.
pub(super) fn drain() {
    let (sender, reached) = mpsc::channel();
    let sent = THREAD.get().is_some_and(|thread| thread.send(OutletItem::Mark(sender)).is_ok());
    if sent {
        let _ = reached.recv_timeout(DRAIN_TIMEOUT);
    }
}
