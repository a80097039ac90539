//! Output of servers, to read and to follow.

use std::{collections::VecDeque, sync::Arc};

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;

use crate::{
    error::Result,
    model::{OutputLine, Principal, ServerId, UserId},
    policy::permission,
    revocation::RequiredRight,
    servers::service::Servers,
    supervisor::Output,
};

/// A reader of output and what it has not yet handed on.
struct Follower {
    output: Arc<Output>,
    user: UserId,
    latest: watch::Receiver<u64>,
    seq: u64,
    ready: VecDeque<OutputLine>,
}

impl Servers {
    /// The server's output, oldest line first, as far as it is kept (1 MiB). Of processes that are one user's
    /// alone, `who` reads their own.
    pub fn output(&self, who: &Principal, id: ServerId) -> Result<Vec<OutputLine>> {
        Ok(self.registry.reach(who, id, permission::READS, "server.output")?.link.output.after(0, who.user_id))
    }

    /// Yields every line after `seq`; a reader that is too slow misses lines, and sees that by their numbers. Ends when
    /// `who` may not read it any more, and when the runtime begins to stop.
    pub fn follow_output(&self, who: &Principal, id: ServerId, seq: u64) -> Result<BoxStream<'static, OutputLine>> {
        let output = self.registry.reach(who, id, permission::READS, "server.output")?.link.output.clone();
        let latest = output.watch();
        let follower = Follower { output, user: who.user_id, latest, seq, ready: VecDeque::new() };
        let revoked = Box::pin(self.revocation.revoked(who, RequiredRight::Server(id, permission::READS)));
        let draining = Box::pin(self.lifecycle.draining());
        Ok(stream::unfold(follower, Follower::next).take_until(revoked).take_until(draining).boxed())
    }
}

impl Follower {
    async fn next(mut self) -> Option<(OutputLine, Self)> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                self.seq = line.seq;
                return Some((line, self));
            }
            let seq = self.seq;
            self.latest.wait_for(|latest| *latest > seq).await.ok()?;
            self.ready = self.output.after(seq, self.user).into();
        }
    }
}
