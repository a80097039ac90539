//! How long a server may take, not counting how long its client does.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A clock that stands still while somebody else is waited for.
pub(super) struct Patience {
    limit: Duration,
    left: Duration,
    /// Since when it runs.
    since: Option<Instant>,
}

impl Patience {
    /// A clock that runs from now on.
    pub fn of(limit: Duration) -> Self {
        Self { limit, left: limit, since: Some(Instant::now()) }
    }

    /// How long it was to begin with.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Stops or starts it.
    pub fn pause(&mut self, pause: bool) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        self.since = (!pause).then(Instant::now);
    }

    /// Completes when it has run out; never while it stands still.
    pub async fn ends(&self) {
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
        let mut patience = Patience::of(second * 10);
        advance(second * 6).await;
        patience.pause(true);
        patience.pause(true);
        assert!(timeout(second * 3600, patience.ends()).await.is_err());
        patience.pause(false);
        patience.pause(false);
        assert!(timeout(second * 3, patience.ends()).await.is_err());
        assert!(timeout(second * 2, patience.ends()).await.is_ok());
    }
}
