//! Follows the tenure of the database: servers stop here while another Ostler has it; after that, or after a failover,
//! the database is read again.

use std::{sync::Weak, time::Duration};

use crate::{
    error::{Error, Result},
    model::{AuditEntry, Outcome, TimelineLevel},
    recorder::{Recorder, Tenure},
    runtime::{Runtime, handle::Inner, stop::SERVERS_END_TIMEOUT},
    supervisor::messages::{ResumeAll, StopAll},
};

/// Pause between looks at a connection that nothing is written to.
const ATTENDANCE: Duration = Duration::from_secs(1);

/// Time that the servers of another Ostler get to end before ours start: it looks after its connection each second,
/// waits up to 2 s for its lock, and most servers end at once.
const HANDOVER: Duration = Duration::from_secs(5);

/// Returns once the servers of the previous holder of the database can have ended; fails if the tenure changed
/// meanwhile.
pub(super) async fn wait_for_predecessor(recorder: &Recorder) -> Result<()> {
    let tenure = *recorder.tenure().borrow();
    if tenure.successions == 0 {
        return Ok(());
    }
    log::warn!(
        "another Ostler had the database and did not say that its servers have ended: ours start in {HANDOVER:?}"
    );
    hand_over(recorder, tenure).await
}

/// Lets the servers of another Ostler end. The database server that granted the lock may have been a former leader that
/// had not learned yet that it leads no more: so it must take a write after the wait, in the same tenure.
async fn hand_over(recorder: &Recorder, tenure: Tenure) -> Result<()> {
    tokio::time::sleep(HANDOVER).await;
    recorder.ready().await?;
    let is_still_ours = *recorder.tenure().borrow() == tenure;
    if is_still_ours { Ok(()) } else { Err(Error::StoreUnavailable("it changed hands again".into())) }
}

/// Looks after the connection, and follows what becomes of the database, for as long as the runtime lives.
pub(super) async fn follow(runtime: Weak<Inner>) {
    let Some(mut tenure) = runtime.upgrade().map(|inner| inner.recorder.tenure()) else { return };
    let mut known = *tenure.borrow_and_update();
    loop {
        if let Ok(Err(_)) = tokio::time::timeout(ATTENDANCE, tenure.changed()).await {
            return;
        }
        let Some(inner) = runtime.upgrade() else { return };
        inner.recorder.check_connection().await;
        let now = *tenure.borrow_and_update();
        if now == known {
            continue;
        }
        match (Runtime { inner }).follow_tenure(known, now).await {
            Ok(()) => known = now,
            Err(cause) => log::warn!(cause:%; "the database could not be read again; it is tried again in a second"),
        }
    }
}

impl Runtime {
    async fn follow_tenure(&self, before: Tenure, now: Tenure) -> Result<()> {
        if now.is_lost || now.successions != before.successions {
            self.stand_by().await;
        }
        let is_standing_by = self.inner.lifecycle.is_standing_by();
        if now.is_lost {
            return Ok(());
        }
        if is_standing_by {
            log::info!("the database is ours again; servers start once those of the other Ostler can have ended");
            hand_over(&self.inner.recorder, now).await?;
        }
        self.reload(is_standing_by).await
    }

    /// Stops every server and starts none.
    async fn stand_by(&self) {
        if self.inner.lifecycle.set_standing_by(true) {
            return;
        }
        log::error!("another Ostler has the database; servers are stopped here until that one has left");
        for registered in self.inner.registry.all().values() {
            registered.link.add_note(TimelineLevel::Warn, "stopped: another Ostler has the database");
        }
        // A supervisor that is lost takes its servers with it, and the next one starts none.
        let stopped = tokio::time::timeout(SERVERS_END_TIMEOUT, self.inner.placement.supervisor().ask(StopAll)).await;
        if stopped.is_err() {
            log::error!("some servers do not end, not even killed; their guards keep trying");
        }
        self.inner.placement.end_isolated();
    }

    /// Brings memory to what the database holds, and servers with it.
    async fn reload(&self, is_standing_by: bool) -> Result<()> {
        log::warn!("the database is not as this Ostler left it: servers, shares, accounts and services are read again");
        self.inner.accounts.forget_credentials();
        if is_standing_by {
            self.inner.placement.supervisor().ask(ResumeAll).await?;
        }
        if self.serves().mcp() {
            self.inner.servers.reload(is_standing_by).await?;
        }
        self.inner.services.reload().await?;
        self.inner.revocation.rights_changed();
        self.inner.lifecycle.set_standing_by(false);
        let entry = AuditEntry::by_ostler("database.reload", "database", Outcome::Success);
        let why = if is_standing_by { "another Ostler had it" } else { "it was not as this Ostler had left it" };
        self.inner.recorder.commit_entry(entry.with_detail(why)).await
    }
}
