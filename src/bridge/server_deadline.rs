//! The deadline of a server, without the time that its client takes.
//!
//! While a client thinks, further requests of its server are taken to be about another request
//! (`RequestSubscriber::is_waiting`).

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A timer that is paused while the server waits for the client.
pub(super) struct ServerDeadline {
    limit: Duration,
    left: Duration,
    /// Since when it runs; `None` while it is paused.
    since: Option<Instant>,
}

impl ServerDeadline {
    /// A timer that runs from now on.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, left: limit, since: Some(Instant::now()) }
    }

    /// The time it had at the start.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Pauses or resumes the timer.
    pub(super) fn pause(&mut self, pause: bool) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        self.since = (!pause).then(Instant::now);
    }

    /// Completes when the time is up; never while the timer is paused.
    pub(super) async fn passed(&self) {
        match self.since {
            Some(since) => sleep_until(since + self.left).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_runs_out_once_it_has_run_for_so_long_pauses_aside() {
        let second = Duration::from_secs(1);
        let mut deadline = ServerDeadline::new(second * 10);
        advance(second * 6).await;
        deadline.pause(true);
        deadline.pause(true);
        assert!(timeout(second * 3600, deadline.passed()).await.is_err());
        deadline.pause(false);
        deadline.pause(false);
        assert!(timeout(second * 3, deadline.passed()).await.is_err());
        assert!(timeout(second * 2, deadline.passed()).await.is_ok());
    }
}
