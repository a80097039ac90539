//! [`Alarm`]: a deadline that may move with every byte, on a timer that hardly ever does.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is kept over many requests. A deadline that moves back leaves it where it is: it rings early, sees that
/// nothing is due and is set anew, so that a timer is set once in a deadline's length and not once a request.
#[derive(Debug)]
pub(super) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    /// An alarm that is due at `deadline`.
    pub(super) fn new(deadline: Instant) -> Self {
        Self(Box::pin(sleep_until(deadline)))
    }

    /// Ready once `deadline` has passed.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if self.0.deadline() > deadline {
            self.0.as_mut().reset(deadline);
        }
        loop {
            ready!(self.0.as_mut().poll(context));
            if self.0.deadline() >= deadline {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn an_alarm_rings_at_the_deadline_however_that_moved() {
        let start = Instant::now();
        let mut alarm = Alarm::new(start + 10 * SECOND);
        poll_fn(|context| alarm.poll(context, start + 2 * SECOND)).await;
        assert_eq!(start.elapsed().as_secs(), 2);
        poll_fn(|context| alarm.poll(context, start + 30 * SECOND)).await;
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}
