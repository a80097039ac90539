//! [`RollupAggregator`]: adds calls up into minutes of whole servers, hours and days, and deletes old rollups.
//!
//! Calls are read and added up here, beside the recorder, and only the sums go through it, a few at a time: a call
//! never waits for them. Each sum replaces its row, so that a second attempt after a crash changes nothing.
//!
//! A mark for each says how far; a reader takes the coarsest rows up to its mark, and finer ones after it. So a month
//! is 720 rows a server, however many calls there were. A call belongs to the minute it was committed in.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    error::Result,
    model::{Rollup, Step, Timestamp},
    recorder::Recorder,
    store::{
        self, Store,
        rollups::{self, ALL, RollupKey},
    },
    tasks::lifecycle::Lifecycle,
};

/// Time after a minute's end in which its last calls are committed.
const GRACE_SECONDS: i64 = 5;

/// Sums written in one transaction of the recorder, for which a call to record waits at most.
const BATCH_SUMS: usize = 100;

/// Minutes read at once: few enough to be held in memory with a row for each tool.
const READ_MINUTES: i64 = 60;

/// Age at which changes of health are deleted: as long as hours of calls are shown beside them.
const HEALTH_RETENTION: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// Adds calls up: minutes of whole servers, then hours and days.
pub(super) struct RollupAggregator {
    store: Store,
    recorder: Recorder,
    lifecycle: Arc<Lifecycle>,
}

impl RollupAggregator {
    pub(super) fn new(store: Store, recorder: Recorder, lifecycle: Arc<Lifecycle>) -> Self {
        Self { store, recorder, lifecycle }
    }

    /// Adds up once a minute, until `self` is dropped or work ends.
    pub(super) fn run(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        let owner = Arc::downgrade(self);
        async move {
            loop {
                {
                    let Some(aggregator) = owner.upgrade() else { return };
                    let Ok(_work) = aggregator.lifecycle.begin_work() else { return };
                    aggregator.add_up_now().await;
                }
                tokio::time::sleep(until_next_minute()).await;
            }
        }
    }

    async fn add_up_now(&self) {
        let minute = Timestamp::now().unix_seconds().saturating_sub(GRACE_SECONDS).div_euclid(60);
        if let Err(cause) = self.add_up(minute).await {
            log::warn!(cause:%; "the history of calls could not be added up; it is tried again in a minute");
        }
    }

    /// Adds up all calls that ended before `minute` (since 1970), and deletes rollups and changes of health that are
    /// too old.
    async fn add_up(&self, minute: i64) -> Result<()> {
        let marks = self.store.read(rollups::marks).await?;
        self.add_up_minutes(marks.minute, minute).await?;
        self.add_up_from(Step::Minute, Step::Hour, marks.hour, minute).await?;
        self.add_up_from(Step::Hour, Step::Day, marks.day, minute).await?;
        for step in [Step::Minute, Step::Hour, Step::Day] {
            self.delete_rollups(step, minute.saturating_sub(step.retention_minutes())).await?;
        }
        if minute.rem_euclid(60) == 0 {
            let moment = Timestamp::now().minus(HEALTH_RETENTION);
            self.recorder.write(None, move |db| store::health::delete_before(db, moment)).await?;
        }
        Ok(())
    }

    /// Adds up minutes of each server, and of all servers.
    async fn add_up_minutes(&self, mut from: i64, end: i64) -> Result<()> {
        while let Some(start) = self.next_start(Step::Minute, from).await?.filter(|start| *start < end) {
            let until = start.saturating_add(READ_MINUTES).min(end);
            let rows = self.store.read(move |db| rollups::between(db, Step::Minute, start, until)).await?;
            let mut sums = BTreeMap::<RollupKey, Rollup>::new();
            for (key, rollup) in rows.into_iter().filter(|(key, _)| key.tool != ALL) {
                let of_all = RollupKey { server: ALL.into(), tool: ALL.into(), start: key.start };
                sums.entry(of_all).or_default().absorb(&rollup);
                sums.entry(RollupKey { tool: ALL.into(), ..key }).or_default().absorb(&rollup);
            }
            self.put_sums(Step::Minute, sums, until).await?;
            from = until;
        }
        Ok(())
    }

    /// Adds up buckets of `step` from those of `source`, parts and totals alike.
    async fn add_up_from(&self, source: Step, step: Step, mut from: i64, end: i64) -> Result<()> {
        let (end, length) = (step.floor(end), i64::from(step.minutes()));
        while let Some(start) = self.next_start(source, from).await?.filter(|start| *start < end) {
            let start = step.floor(start);
            let until = start.saturating_add(length);
            let rows = self.store.read(move |db| rollups::between(db, source, start, until)).await?;
            let mut sums = BTreeMap::<RollupKey, Rollup>::new();
            for (key, rollup) in rows {
                sums.entry(RollupKey { start, ..key }).or_default().absorb(&rollup);
            }
            self.put_sums(step, sums, until).await?;
            from = until;
        }
        Ok(())
    }

    async fn put_sums(&self, step: Step, sums: BTreeMap<RollupKey, Rollup>, through: i64) -> Result<()> {
        let mut sums = sums.into_iter().peekable();
        while sums.peek().is_some() {
            let some: Vec<_> = sums.by_ref().take(BATCH_SUMS).collect();
            let put =
                move |db: &mut store::Connection| rollups::put(db, step, some.iter().map(|(key, sum)| (key, sum)));
            self.recorder.write(None, put).await?;
        }
        self.recorder.write(None, move |db| rollups::set_mark(db, step, through)).await
    }

    async fn delete_rollups(&self, step: Step, end: i64) -> Result<()> {
        while let Some(oldest) = self.next_start(step, 0).await?.filter(|oldest| *oldest < end) {
            let until = oldest.saturating_add(i64::from(step.minutes())).min(end);
            self.recorder.write(None, move |db| rollups::delete_before(db, step, until)).await?;
        }
        Ok(())
    }

    async fn next_start(&self, step: Step, from: i64) -> Result<Option<i64>> {
        self.store.read(move |db| rollups::next_start(db, step, from)).await
    }
}

/// The pause until the next minute can be added up.
fn until_next_minute() -> Duration {
    let second = Timestamp::now().unix_seconds().saturating_sub(GRACE_SECONDS).rem_euclid(60);
    Duration::from_secs(u64::try_from(60_i64.saturating_sub(second)).unwrap_or(60))
}

#[cfg(test)]
mod tests {
    use crate::{
        model::ServerId,
        policy::audit_chain::ChainKey,
        recorder::Chain,
        store::{DatabaseUrl, rollups::CallScope},
    };

    use super::*;

    fn aggregator(database: DatabaseUrl) -> RollupAggregator {
        let store = Store::open(&database).unwrap();
        store.migrate().unwrap();
        let chain = Chain::new(ChainKey::new(&[7; 32]), Vec::new());
        let recorder = Recorder::start(&store, store.occupy("test").unwrap(), chain).unwrap();
        RollupAggregator::new(store, recorder, Arc::new(Lifecycle::new()))
    }

    async fn total(aggregator: &RollupAggregator, scope: CallScope, step: Step, from: i64, until: i64) -> i64 {
        let read = move |db: &mut store::Connection| rollups::series(db, &scope, step, from, until);
        aggregator.store.read(read).await.unwrap().values().map(|rollup| rollup.calls).sum()
    }

    #[tokio::test]
    async fn every_step_counts_as_much_and_old_calls_are_in_longer_steps_only() {
        let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let aggregator = aggregator(DatabaseUrl::Sqlite(folder.join("ostler.db")));
        let now = Timestamp::now().unix_minutes();
        let (day, server) = (Step::Day.floor(now) - 1440, ServerId::new());
        let mut one = Rollup::default();
        one.add(false, 5);
        let key = |tool: &str, start| RollupKey { server: server.to_string(), tool: tool.into(), start };
        let recent = (0..200).flat_map(|minute| ["a", "b"].map(|tool| key(tool, day + minute * 7)));
        let rows: Vec<_> =
            recent.chain([key("a", day - 3 * 1440), key("b", now)]).map(|key| (key, one.clone())).collect();
        let put =
            move |db: &mut store::Connection| rollups::put(db, Step::Minute, rows.iter().map(|(key, one)| (key, one)));
        aggregator.recorder.write(None, put).await.unwrap();

        // Once more changes nothing.
        for _ in 0..2 {
            aggregator.add_up(now).await.unwrap();
            for step in [Step::Minute, Step::Hour, Step::Day] {
                for scope in [CallScope::All, CallScope::Servers(vec![server])] {
                    assert_eq!(total(&aggregator, scope, step, day, now + 1).await, 401, "{step:?}");
                }
                let tool = CallScope::Tool(server, "a".into());
                assert_eq!(total(&aggregator, tool, step, day, now + 1).await, 200, "{step:?}");
            }
            let old = |step| total(&aggregator, CallScope::All, step, day - 3 * 1440, day);
            assert_eq!((old(Step::Minute).await, old(Step::Hour).await, old(Step::Day).await), (0, 1, 1));
        }

        aggregator.recorder.stop().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
