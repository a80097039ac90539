//! Requests of a process outside of any request in flight that they could be about.

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;

use crate::supervisor::messages::Asked;

/// Requests that may wait for a reader.
const WAITING: usize = 16;

/// A queue with one reader at a time, who may go and be followed by another.
pub(super) struct Questions(Mutex<Queue>);

struct Queue {
    sender: mpsc::Sender<Asked>,
    /// `None` while a reader holds it.
    receiver: Option<mpsc::Receiver<Asked>>,
}

impl Default for Queue {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self { sender, receiver: Some(receiver) }
    }
}

impl Default for Questions {
    fn default() -> Self {
        Self(Mutex::new(Queue::default()))
    }
}

impl Questions {
    /// Queues a question; one that does not fit is dropped, and so refused.
    pub fn put(&self, asked: Asked) {
        let refused = self.lock().sender.try_send(asked);
        drop(refused);
    }

    /// The reading end, unless a reader holds it.
    pub fn take(&self) -> Option<mpsc::Receiver<Asked>> {
        self.lock().receiver.take()
    }

    /// Refuses the requests of this process that no reader has taken.
    pub fn clear(&self, generation: u64) {
        let queue = &mut *self.lock();
        let waiting: Vec<_> =
            queue.receiver.iter_mut().flat_map(|receiver| std::iter::from_fn(|| receiver.try_recv().ok())).collect();
        for asked in waiting.into_iter().filter(|asked| !asked.is_of(generation)) {
            drop(queue.sender.try_send(asked));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        let mut queue = self.0.lock();
        if queue.sender.is_closed() {
            // The last reader has gone.
            *queue = Queue::default();
        }
        queue
    }
}
