//! Decisions about the limits of a process tree: when one is exceeded, and when to look again.

use std::time::Duration;

use crate::model::{EndingLimit, Exceeded, Limits};

const MIB: u64 = 1 << 20;

/// Bytes that one core fills in a second, at most: the kernel clears each page first.
const MEMORY_PER_SECOND: u64 = 2 << 30;

/// Processes that one core starts in a second, at most.
const STARTS_PER_SECOND: u64 = 2000;

/// Longest time between two looks: a bound for what several cores use together, and for slow leaks.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Shortest one, and what each process adds to it, so that looks at a tree close to its limit cost a few percent of a
/// core however large it is.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_PER_PROCESS: Duration = Duration::from_millis(1);

/// Bytes that a server writes to its folder in a second; a quick disk takes more, and a look at a folder costs more
/// than one at processes.
const DISK_PER_SECOND: u64 = 100 << 20;

/// Shortest and longest time between two looks at a folder.
const FOLDER_PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// The limit of its folder that a server exceeds with so many bytes in it.
#[must_use]
pub fn folder_exceeded(bytes: u64, limits: &Limits) -> Option<Exceeded> {
    over(EndingLimit::DiskMb, bytes.div_ceil(MIB), limits.disk_mb)
}

/// Time until the next look at a folder with so many bytes.
#[must_use]
pub fn folder_pause(bytes: u64, limits: &Limits) -> Duration {
    let (shortest, longest) = FOLDER_PAUSES;
    lasts(limits.disk_mb.map_or(u64::MAX, |mib| mib.saturating_mul(MIB)).saturating_sub(bytes), DISK_PER_SECOND)
        .clamp(shortest, longest)
}

fn over(limit: EndingLimit, used: u64, allowed: Option<u64>) -> Option<Exceeded> {
    allowed.filter(|allowed| used > *allowed).map(|allowed| Exceeded::new(limit, used, allowed))
}

/// Time that `left` lasts at this rate.
fn lasts(left: u64, per_second: u64) -> Duration {
    Duration::from_micros(left.saturating_mul(1_000_000).checked_div(per_second).unwrap_or(u64::MAX))
}

/// Use of a process tree at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeUse {
    /// Bytes of memory.
    pub memory: u64,
    /// Processes and threads.
    pub tasks: u64,
    /// Processes.
    pub processes: u64,
}

impl TreeUse {
    /// The limit that it exceeds, if any.
    #[must_use]
    pub fn exceeded(&self, limits: &Limits) -> Option<Exceeded> {
        over(EndingLimit::MemoryMb, self.memory.div_ceil(MIB), limits.memory_mb)
            .or_else(|| over(EndingLimit::Processes, self.tasks, limits.processes))
    }

    /// Time until the next look: what is left of each limit lasts for as long, however it is used up.
    #[must_use]
    pub fn pause(&self, limits: &Limits) -> Duration {
        let memory = limits.memory_mb.map(|mib| mib.saturating_mul(MIB).saturating_sub(self.memory));
        let memory = memory.map(|left| lasts(left, MEMORY_PER_SECOND));
        let tasks = limits.processes.map(|most| lasts(most.saturating_sub(self.tasks), STARTS_PER_SECOND));
        let least = PAUSE_PER_PROCESS.saturating_mul(u32::try_from(self.processes).unwrap_or(u32::MAX));
        let pause = memory.into_iter().chain(tasks).min().unwrap_or(PAUSE_MAX);
        pause.max(PAUSE_MIN.saturating_add(least)).min(PAUSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(memory_mb: Option<u64>, processes: Option<u64>) -> Limits {
        Limits { memory_mb, processes, ..Limits::default() }
    }

    fn uses(memory: u64, tasks: u64) -> TreeUse {
        TreeUse { memory, tasks, processes: 1 }
    }

    #[test]
    fn a_limit_is_exceeded_by_more_than_it_allows() {
        let limits = limits(Some(256), Some(64));
        assert_eq!(uses(256 * MIB, 64).exceeded(&limits), None);
        let memory = uses(256 * MIB + 1, 65).exceeded(&limits);
        assert_eq!(memory, Some(Exceeded::new(EndingLimit::MemoryMb, 257, 256)));
        let processes = uses(0, 65).exceeded(&limits);
        assert_eq!(processes, Some(Exceeded::new(EndingLimit::Processes, 65, 64)));
        assert_eq!(uses(u64::MAX, u64::MAX).exceeded(&Limits::default()), None);
    }

    #[test]
    fn looks_come_closer_as_a_limit_does() {
        let memory = limits(Some(256), None);
        let pauses = [0, 128, 240, 256, 300].map(|mib| uses(mib * MIB, 1).pause(&memory).as_millis());
        assert_eq!(pauses, [125, 62, 7, 6, 6]);
        assert_eq!(uses(0, 1).pause(&limits(Some(8192), None)), PAUSE_MAX);
        assert_eq!(uses(0, 12).pause(&limits(None, Some(512))).as_millis(), 250);
        let large = TreeUse { memory: 0, tasks: 500, processes: 500 };
        assert_eq!(large.pause(&limits(None, Some(512))).as_millis(), 505);
    }

    #[test]
    fn a_folder_is_looked_at_more_often_when_it_is_nearly_full() {
        let limits = Limits { disk_mb: Some(2048), ..Limits::default() };
        let pauses = [0, 500, 2000, 9000].map(|mib| folder_pause(mib * MIB, &limits).as_secs());
        assert_eq!(pauses, [20, 15, 5, 5]);
        assert_eq!(folder_pause(0, &Limits { disk_mb: Some(8192), ..limits }).as_secs(), 60);
        assert_eq!(folder_exceeded(2048 * MIB, &limits), None);
        assert_eq!(folder_exceeded(2048 * MIB + 1, &limits), Some(Exceeded::new(EndingLimit::DiskMb, 2049, 2048)));
    }

    /// The worst that a core can do: it is seen before it has 12 MiB too much.
    #[test]
    fn a_bomb_is_seen_soon() {
        let limits = limits(Some(256), None);
        let mut used = uses(20 * MIB, 3);
        while used.exceeded(&limits).is_none() {
            let micros = u64::try_from(used.pause(&limits).as_micros()).unwrap();
            used.memory += MEMORY_PER_SECOND / 1_000_000 * micros;
        }
        assert!(used.memory < 268 * MIB + MIB, "{}", used.memory / MIB);
    }
}
