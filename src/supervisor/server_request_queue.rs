//! Requests of a process outside of any request in flight that they could be about.

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;

use crate::supervisor::messages::ServerRequest;

/// Requests that may wait for a reader.
const REQUESTS_MAX: usize = 16;

/// A queue with one reader at a time, who may go and be followed by another.
pub(super) struct ServerRequestQueue(Mutex<RequestChannel>);

struct RequestChannel {
    sender: mpsc::Sender<ServerRequest>,
    /// `None` while a reader holds it.
    receiver: Option<mpsc::Receiver<ServerRequest>>,
}

impl Default for RequestChannel {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(REQUESTS_MAX);
        Self { sender, receiver: Some(receiver) }
    }
}

impl Default for ServerRequestQueue {
    fn default() -> Self {
        Self(Mutex::new(RequestChannel::default()))
    }
}

impl ServerRequestQueue {
    /// Queues a request; one that does not fit is dropped, and so refused.
    pub(super) fn push(&self, request: ServerRequest) {
        let refused = self.lock().sender.try_send(request);
        drop(refused);
    }

    /// The reading end, unless a reader holds it.
    pub(super) fn take(&self) -> Option<mpsc::Receiver<ServerRequest>> {
        self.lock().receiver.take()
    }

    /// Refuses the requests of this process that no reader has taken.
    pub(super) fn refuse_untaken(&self, generation: u64) {
        let queue = &mut *self.lock();
        let waiting: Vec<_> =
            queue.receiver.iter_mut().flat_map(|receiver| std::iter::from_fn(|| receiver.try_recv().ok())).collect();
        for request in waiting.into_iter().filter(|request| !request.is_of(generation)) {
            drop(queue.sender.try_send(request));
        }
    }

    fn lock(&self) -> MutexGuard<'_, RequestChannel> {
        let mut queue = self.0.lock();
        if queue.sender.is_closed() {
            // The last reader has gone.
            *queue = RequestChannel::default();
        }
        queue
    }
}
