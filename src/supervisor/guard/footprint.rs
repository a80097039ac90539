//! [`Footprint`]: what the processes below a process use, read without a look at any other.

use std::fs;

use crate::{policy::limits::TreeUse, supervisor::guard::tree};

/// Processes of a tree and what they use together. What ends while it is looked at is not there.
pub(super) struct Footprint {
    pub pids: Vec<i32>,
    pub uses: TreeUse,
}

impl Footprint {
    /// Looks at each process below `root`; some 40 µs a process.
    pub(super) fn below(root: i32) -> Self {
        let mut found = Self { pids: Vec::new(), uses: TreeUse::default() };
        tree::below(root).into_iter().for_each(|pid| found.add(pid));
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
