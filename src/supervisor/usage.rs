//! Resource usage of servers' process trees: sampled from `/proc`, for all servers at once, and kept for an hour.
//!
//! Every process below one of a server's guards is the server's; a lease's link has its server's guards. Processor time
//! includes that of children which were waited for, the guard's among them, so a child that ended between two samples
//! is in the next.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fs,
    sync::Arc,
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    model::{Timestamp, Usage},
    supervisor::proc_table::{CLOCK_TICK, ProcStat, ProcTable},
};

/// For how long samples are kept.
const SAMPLE_RETENTION: Duration = Duration::from_secs(60 * 60);

/// Samples kept of one server: one each 10 s of the hour; older ones go first where more are taken.
const SAMPLES_MAX: usize = 360;

/// The process trees of one server, one below each of its guards, and what they used.
#[derive(Default)]
pub struct ProcessTrees(Mutex<TreeState>);

#[derive(Default)]
struct TreeState {
    guards: BTreeSet<i32>,
    now: Option<Usage>,
    samples: VecDeque<Usage>,
}

/// Has a tree count as its server's for as long as it is held.
pub(super) struct TreeGuard {
    trees: Arc<ProcessTrees>,
    guard: i32,
}

impl ProcessTrees {
    /// Counts the tree below this guard in.
    pub(super) fn register(self: &Arc<Self>, guard: i32) -> TreeGuard {
        self.0.lock().guards.insert(guard);
        TreeGuard { trees: self.clone(), guard }
    }

    /// Usage as of the last sample; `None` where no process runs, or none was sampled yet.
    pub fn now(&self) -> Option<Usage> {
        self.0.lock().now
    }

    /// The samples of the last hour, oldest first; none while nothing ran.
    pub fn samples(&self) -> Vec<Usage> {
        let mut state = self.0.lock();
        state.drop_expired(Timestamp::now());
        state.samples.iter().copied().collect()
    }

    fn guards(&self) -> Vec<i32> {
        self.0.lock().guards.iter().copied().collect()
    }

    fn add_sample(&self, sample: Usage) {
        let mut state = self.0.lock();
        state.drop_expired(sample.at);
        // Trees that ended meanwhile use nothing.
        if state.guards.is_empty() {
            return;
        }
        state.now = Some(sample);
        state.samples.push_back(sample);
        if state.samples.len() > SAMPLES_MAX {
            state.samples.pop_front();
        }
    }
}

impl TreeState {
    fn drop_expired(&mut self, now: Timestamp) {
        let oldest = now.minus(SAMPLE_RETENTION);
        while self.samples.pop_front_if(|sample| sample.at < oldest).is_some() {}
    }
}

impl Drop for TreeGuard {
    fn drop(&mut self) {
        let mut state = self.trees.0.lock();
        state.guards.remove(&self.guard);
        if state.guards.is_empty() {
            state.now = None;
        }
    }
}

/// Takes samples; remembers what was used up to the last one.
pub struct UsageSampler {
    /// Ticks by guard.
    used: HashMap<i32, u64>,
    at: Instant,
}

impl Default for UsageSampler {
    fn default() -> Self {
        Self { used: HashMap::new(), at: Instant::now() }
    }
}

impl UsageSampler {
    /// Takes a sample of each server, in one pass over `/proc`. Blocks.
    pub fn sample(&mut self, servers: &[Arc<ProcessTrees>]) {
        let running: Vec<_> = servers.iter().map(|trees| (trees, trees.guards())).collect();
        let passed = self.at.elapsed();
        self.at = Instant::now();
        let before = std::mem::take(&mut self.used);
        if running.iter().all(|(_, guards)| guards.is_empty()) {
            return;
        }
        let (table, at) = (ProcTable::read(), Timestamp::now());
        for (trees, guards) in running.iter().filter(|(_, guards)| !guards.is_empty()) {
            let mut sum = Usage { cpu: 0.0, memory: 0, descriptors: 0, processes: 0, at };
            for guard in guards {
                let used = add(&table, *guard, &mut sum);
                self.used.insert(*guard, used);
                // All time of a new guard is new. The total falls when a process vanishes that no parent waited for,
                // which counts as no use. It may also hold the time of one process twice, which `cores` bounds by the
                // time of all processors.
                let ticks = used.saturating_sub(before.get(guard).copied().unwrap_or_default());
                sum.cpu += cores(ticks, passed);
            }
            trees.add_sample(sum);
        }
    }
}

/// Adds what the tree below a guard holds, and says how many ticks it has used since it began.
fn add(table: &ProcTable, guard: i32, sum: &mut Usage) -> u64 {
    // Time the guard waited for was the server's; the guard itself is not.
    let mut used = table.get(guard).map_or(0, |stat| stat.reaped);
    for pid in table.descendants(guard) {
        let Some(ProcStat { is_zombie, used: used_itself, reaped, .. }) = table.get(pid) else { continue };
        used = used.saturating_add(used_itself).saturating_add(reaped);
        if !is_zombie {
            sum.processes = sum.processes.saturating_add(1);
            sum.memory = sum.memory.saturating_add(memory(pid).unwrap_or_default());
            sum.descriptors = sum.descriptors.saturating_add(descriptors(pid));
        }
    }
    used
}

fn cores(ticks: u64, passed: Duration) -> f64 {
    let most = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let used = CLOCK_TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX));
    let used = used.min(passed.saturating_mul(u32::try_from(most).unwrap_or(u32::MAX)));
    if passed.is_zero() { 0.0 } else { used.as_secs_f64() / passed.as_secs_f64() }
}

/// Its share of the memory it uses, or else all of that.
fn memory(pid: i32) -> Option<u64> {
    let kib = |file: &str, field: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(field))?;
        value.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    let kib = kib("smaps_rollup", "Pss:").or_else(|| kib("status", "VmRSS:"))?;
    Some(kib.saturating_mul(1024))
}

fn descriptors(pid: i32) -> u64 {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    u64::try_from(open).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: Timestamp) -> Usage {
        Usage { cpu: 0.0, memory: 1, descriptors: 1, processes: 1, at }
    }

    #[test]
    fn samples_are_bounded_in_age_and_number() {
        let trees = Arc::<ProcessTrees>::default();
        let now = Timestamp::now();
        trees.add_sample(sample(now));
        assert!(trees.samples().is_empty(), "nothing ran");
        let held = trees.register(7);
        trees.add_sample(sample(now.minus(SAMPLE_RETENTION + CLOCK_TICK)));
        trees.add_sample(sample(now));
        assert_eq!(trees.samples(), [sample(now)]);
        (0..2 * SAMPLES_MAX).for_each(|_| trees.add_sample(sample(now)));
        assert_eq!((trees.samples().len(), trees.now()), (SAMPLES_MAX, Some(sample(now))));
        drop(held);
        assert_eq!((trees.samples().len(), trees.now()), (SAMPLES_MAX, None));
    }

    #[test]
    fn usage_is_never_negative_nor_above_all_cores() {
        let second = Duration::from_secs(1);
        assert_eq!((cores(50, second), cores(0, second), cores(5, Duration::ZERO)), (0.5, 0.0, 0.0));
        let most = thread::available_parallelism().unwrap().get();
        assert_eq!(cores(u64::MAX, second), f64::from(u32::try_from(most).unwrap()));
    }
}
