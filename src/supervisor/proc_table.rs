//! The process table, read from `/proc`. What ends while it is looked at is not there.

use std::{
    collections::{HashMap, HashSet},
    fs,
    time::Duration,
};

/// A clock tick of `/proc`: a hundredth of a second on every machine Linux still runs on.
pub(super) const CLOCK_TICK: Duration = Duration::from_millis(10);

/// A process in `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProcStat {
    pub parent: i32,
    /// True when it has ended, and its parent has not waited for it yet.
    pub is_zombie: bool,
    /// True when a signal has stopped it, or a debugger.
    pub is_stopped: bool,
    /// Processor time it used itself, in ticks.
    pub used: u64,
    /// Processor time of its descendants that ended and were waited for, in ticks.
    pub reaped: u64,
}

impl ProcStat {
    /// Looks at a process.
    pub(super) fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(stat: &[u8]) -> Option<Self> {
        // The name, in parentheses, may hold any bytes; after the last parenthesis: state, parent, …
        let stat = String::from_utf8_lossy(stat);
        let (_, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            is_zombie: matches!(fields.first(), Some(&("Z" | "X"))),
            is_stopped: matches!(fields.first(), Some(&("T" | "t"))),
            used: ticks(11)?.saturating_add(ticks(12)?),
            reaped: ticks(13)?.saturating_add(ticks(14)?),
        })
    }
}

/// Every process there is. Zombies count: the threads of one whose first thread ended may live on.
pub(super) fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Parents and children of all processes at about one moment.
pub(super) struct ProcTable {
    stats: HashMap<i32, ProcStat>,
    children: HashMap<i32, Vec<i32>>,
}

impl ProcTable {
    /// Looks at all of them. Blocks.
    pub(super) fn read() -> Self {
        let stats: HashMap<_, _> = pids().filter_map(|pid| Some((pid, ProcStat::of(pid)?))).collect();
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for (pid, stat) in &stats {
            children.entry(stat.parent).or_default().push(*pid);
        }
        Self { stats, children }
    }

    /// One of them.
    pub(super) fn get(&self, pid: i32) -> Option<ProcStat> {
        self.stats.get(&pid).copied()
    }

    /// Every descendant of a process, parents before children.
    pub(super) fn descendants(&self, root: i32) -> Vec<i32> {
        let (mut found, mut next, mut seen) = (Vec::new(), vec![root], HashSet::from([root]));
        while let Some(pid) = next.pop() {
            let children = self.children.get(&pid).into_iter().flatten().copied();
            // Numbers that were used again while the table was read could make a circle of it.
            let new: Vec<_> = children.filter(|child| seen.insert(*child)).collect();
            found.extend(&new);
            next.extend(new);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line = b"7 (a) \xff) R (x) S 1 7 7 0 -1 4194560 9 9 0 0 100 20 30 4 20 0 1 0 5 6 7";
        let stat = ProcStat { parent: 1, is_zombie: false, is_stopped: false, used: 120, reaped: 34 };
        assert_eq!(ProcStat::parse(line), Some(stat));
        let stopped = b"7 (S) T 1 7 7 0 -1 4194560 9 9 0 0 100 20 30 4";
        assert_eq!(ProcStat::parse(stopped), Some(ProcStat { is_stopped: true, ..stat }));
        assert_eq!(ProcStat::parse(b"7 (a) S 1 7"), None);
        assert_eq!(ProcStat::parse(b""), None);
    }

    #[test]
    fn a_circle_has_an_end() {
        let children = [(1, vec![2, 3]), (2, vec![1, 4]), (4, vec![2])].into();
        let mut below = ProcTable { stats: HashMap::new(), children }.descendants(1);
        below.sort_unstable();
        assert_eq!(below, [2, 3, 4]);
    }
}
