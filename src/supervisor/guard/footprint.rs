//! [`Footprint`]: what the processes below a process use, read without a look at any other.

use std::{collections::HashSet, fs};

use crate::policy::limits::TreeUse;

/// Processes of a tree and what they use together. What ends while it is looked at is not there.
pub(super) struct Footprint {
    pub pids: Vec<i32>,
    pub uses: TreeUse,
}

impl Footprint {
    /// Looks at each process below `root`; some 40 µs a process.
    pub(super) fn below(root: i32) -> Self {
        let (mut next, mut seen) = (children(root), HashSet::from([root]));
        let mut found = Self { pids: Vec::new(), uses: TreeUse::default() };
        while let Some(pid) = next.pop() {
            if seen.insert(pid) {
                found.add(pid);
                next.extend(children(pid));
            }
        }
        found
    }

    fn add(&mut self, pid: i32) {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return };
        self.pids.push(pid);
        let memory = kib(&status, "RssAnon:").saturating_add(kib(&status, "VmSwap:"));
        self.uses.memory = self.uses.memory.saturating_add(memory.saturating_mul(1024));
        self.uses.tasks = self.uses.tasks.saturating_add(kib(&status, "Threads:"));
        self.uses.processes = self.uses.processes.saturating_add(1);
    }

    /// Bytes of its memory with each page counted once, though processes share it since a fork. The kernel walks all of
    /// their pages for it: some 10 ms a GiB.
    pub(super) fn distinct_memory(&self) -> u64 {
        self.pids.iter().map(|pid| distinct(*pid).unwrap_or_default()).fold(0, u64::saturating_add)
    }
}

fn distinct(pid: i32) -> Option<u64> {
    // A process may close this file to us, and is counted in full then.
    let fields = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok().filter(|text| !text.is_empty());
    let kib = match fields {
        Some(fields) => kib(&fields, "Pss_Anon:").saturating_add(kib(&fields, "SwapPss:")),
        None => {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            kib(&status, "RssAnon:").saturating_add(kib(&status, "VmSwap:"))
        }
    };
    Some(kib.saturating_mul(1024))
}

/// The number of a field; 0 where it is not there, as of a process that has ended.
fn kib(fields: &str, name: &str) -> u64 {
    let value = fields.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// Children of all threads of a process.
fn children(pid: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}
