//! [`SpawnOnDrop`]: work that outlives the connection it was begun for.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::runtime::Handle;

/// Work that is done while it is waited for, and in a task of its own once it is not.
pub(super) struct SpawnOnDrop(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl SpawnOnDrop {
    pub(super) fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl Future for SpawnOnDrop {
    type Output = Infallible;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Infallible> {
        if self.0.as_mut().is_some_and(|work| work.as_mut().poll(context).is_ready()) {
            self.0 = None;
        }
        Poll::Pending
    }
}

impl Drop for SpawnOnDrop {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}
