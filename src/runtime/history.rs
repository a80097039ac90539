//! Adding up what was counted: minutes of whole servers, hours and days, and forgetting what is old.
//!
//! Calls are read and added up here, beside the recorder, and only the sums go through it, a few at a time: a call never
//! waits for them. Each sum is written whole, so that a second try after a crash changes nothing.

use std::{collections::BTreeMap, sync::Weak, time::Duration};

use crate::{
    error::Result,
    model::{Rollup, Step, Timestamp},
    runtime::{Inner, Runtime},
    store::{
        self,
        rollups::{self, ALL, Key},
    },
};

/// When a minute is over, what was counted in it may still be on its way to the disk.
const GRACE: i64 = 5;

/// Sums written in one transaction of the recorder.
const AT_ONCE: usize = 100;

/// Minutes read at once.
const STRETCH: i64 = 60;

/// How long changes of health are kept.
const HEALTH_KEPT: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// Adds up once a minute, for as long as the runtime lives.
pub(super) async fn keep(runtime: Weak<Inner>) {
    loop {
        {
            let Some(inner) = runtime.upgrade() else { return };
            let runtime = Runtime { inner };
            let Ok(_work) = runtime.inner.lifecycle.begin_work() else { return };
            let minute = Timestamp::now().unix_seconds().saturating_sub(GRACE).div_euclid(60);
            if let Err(cause) = runtime.add_up(minute).await {
                log::warn!(cause:%; "the history of calls could not be added up; it is tried again in a minute");
            }
        }
        let second = Timestamp::now().unix_seconds().saturating_sub(GRACE).rem_euclid(60);
        tokio::time::sleep(Duration::from_secs(u64::try_from(60_i64.saturating_sub(second)).unwrap_or(60))).await;
    }
}

impl Runtime {
    /// Adds up everything that ended before a minute (since 1970), and forgets what is too old.
    async fn add_up(&self, minute: i64) -> Result<()> {
        let marks = self.inner.store.read(rollups::marks).await?;
        self.add_up_minutes(marks.minute, minute).await?;
        self.add_up_from(Step::Minute, Step::Hour, marks.hour, minute).await?;
        self.add_up_from(Step::Hour, Step::Day, marks.day, minute).await?;
        for step in [Step::Minute, Step::Hour, Step::Day] {
            self.forget_calls(step, minute.saturating_sub(step.kept())).await?;
        }
        if minute.rem_euclid(60) == 0 {
            let moment = Timestamp::now().minus(HEALTH_KEPT);
            self.inner.recorder.write(None, move |db| store::health::delete_before(db, moment)).await?;
        }
        Ok(())
    }

    /// Sums of each server, and of all.
    async fn add_up_minutes(&self, mut from: i64, end: i64) -> Result<()> {
        while let Some(start) = self.next_start(Step::Minute, from).await?.filter(|start| *start < end) {
            let until = start.saturating_add(STRETCH).min(end);
            let rows = self.inner.store.read(move |db| rollups::between(db, Step::Minute, start, until)).await?;
            let mut sums = BTreeMap::<Key, Rollup>::new();
            for (key, rollup) in rows.into_iter().filter(|(key, _)| key.tool != ALL) {
                let of_all = Key { server: ALL.into(), tool: ALL.into(), start: key.start };
                sums.entry(of_all).or_default().absorb(&rollup);
                sums.entry(Key { tool: ALL.into(), ..key }).or_default().absorb(&rollup);
            }
            self.put_sums(Step::Minute, sums, until).await?;
            from = until;
        }
        Ok(())
    }

    /// Sums of longer buckets, parts and totals alike.
    async fn add_up_from(&self, source: Step, step: Step, mut from: i64, end: i64) -> Result<()> {
        let (end, length) = (step.floor(end), i64::from(step.minutes()));
        while let Some(start) = self.next_start(source, from).await?.filter(|start| *start < end) {
            let start = step.floor(start);
            let until = start.saturating_add(length);
            let rows = self.inner.store.read(move |db| rollups::between(db, source, start, until)).await?;
            let mut sums = BTreeMap::<Key, Rollup>::new();
            for (key, rollup) in rows {
                sums.entry(Key { start, ..key }).or_default().absorb(&rollup);
            }
            self.put_sums(step, sums, until).await?;
            from = until;
        }
        Ok(())
    }

    async fn put_sums(&self, step: Step, sums: BTreeMap<Key, Rollup>, through: i64) -> Result<()> {
        let mut sums = sums.into_iter().peekable();
        while sums.peek().is_some() {
            let some: Vec<_> = sums.by_ref().take(AT_ONCE).collect();
            let put =
                move |db: &mut store::Connection| rollups::put(db, step, some.iter().map(|(key, sum)| (key, sum)));
            self.inner.recorder.write(None, put).await?;
        }
        self.inner.recorder.write(None, move |db| rollups::set_mark(db, step, through)).await
    }

    async fn forget_calls(&self, step: Step, end: i64) -> Result<()> {
        while let Some(oldest) = self.next_start(step, 0).await?.filter(|oldest| *oldest < end) {
            let until = oldest.saturating_add(i64::from(step.minutes())).min(end);
            self.inner.recorder.write(None, move |db| rollups::delete_before(db, step, until)).await?;
        }
        Ok(())
    }

    async fn next_start(&self, step: Step, from: i64) -> Result<Option<i64>> {
        self.inner.store.read(move |db| rollups::next_start(db, step, from)).await
    }
}

#[cfg(test)]
mod tests {
    use crate::{model::ServerId, store::rollups::Whose, supervisor::tests::program};

    use super::*;

    async fn total(runtime: &Runtime, whose: Whose, step: Step, from: i64, until: i64) -> i64 {
        let counted = runtime.counted(whose, step, from, until).await.unwrap();
        counted.values().map(|rollup| rollup.calls).sum()
    }

    #[actix::test]
    async fn whatever_the_step_as_much_is_counted_and_what_is_old_is_kept_in_longer_steps_only() {
        let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
        let runtime = Runtime::builder().data_dir(&folder).guard(program()).start().await.unwrap();
        let now = Timestamp::now().unix_minutes();
        let (day, server) = (Step::Day.floor(now) - 1440, ServerId::new());
        let mut one = Rollup::default();
        one.add(false, 5);
        let key = |tool: &str, start| Key { server: server.to_string(), tool: tool.into(), start };
        let recent = (0..200).flat_map(|minute| ["a", "b"].map(|tool| key(tool, day + minute * 7)));
        let rows: Vec<_> =
            recent.chain([key("a", day - 3 * 1440), key("b", now)]).map(|key| (key, one.clone())).collect();
        let put =
            move |db: &mut store::Connection| rollups::put(db, Step::Minute, rows.iter().map(|(key, one)| (key, one)));
        runtime.inner.recorder.write(None, put).await.unwrap();

        // Once more changes nothing.
        for _ in 0..2 {
            runtime.add_up(now).await.unwrap();
            for step in [Step::Minute, Step::Hour, Step::Day] {
                for whose in [Whose::All, Whose::Servers(vec![server])] {
                    assert_eq!(total(&runtime, whose, step, day, now + 1).await, 401, "{step:?}");
                }
                let tool = Whose::Tool(server, "a".into());
                assert_eq!(total(&runtime, tool, step, day, now + 1).await, 200, "{step:?}");
            }
            let old = |step| total(&runtime, Whose::All, step, day - 3 * 1440, day);
            assert_eq!((old(Step::Minute).await, old(Step::Hour).await, old(Step::Day).await), (0, 1, 1));
        }

        runtime.stop().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
