//! The process table, read from `/proc`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// A process as seen in `/proc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    pub group: u32,
    pub session: u32,
    pub command: String,
}

/// Every live process whose environment, arguments or working directory contain `tag`.
pub fn tagged(tag: &str) -> Vec<Process> {
    let mut found: Vec<_> = all().into_iter().filter(|pid| carries(*pid, tag)).filter_map(look_at).collect();
    found.sort_by_key(|process| process.pid);
    found
}

/// One process; `None` where it has ended, also where only its parent has not noticed yet.
pub fn look_at(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let number = |index: usize| fields[index].parse().unwrap_or(0);
    let command = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).ok()?).replace('\0', " ");
    let dead = matches!(fields[0], "Z" | "X");
    (!dead).then(|| Process { pid, parent: number(1), group: number(2), session: number(3), command })
}

/// Whether all of its threads are stopped by a signal.
pub fn suspended(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    let stats = threads.flatten().map(|thread| fs::read_to_string(thread.path().join("stat")).unwrap_or_default());
    stats.into_iter().all(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
}

/// Whether it still runs.
pub fn alive(pid: u32) -> bool {
    look_at(pid).is_some()
}

/// Children that ended and that nobody has waited for.
pub fn zombies_of(parent: u32) -> usize {
    let is_zombie = |pid: &u32| {
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
        let Some((_, rest)) = stat.rsplit_once(") ") else { return false };
        rest.starts_with(&format!("Z {parent} "))
    };
    all().iter().filter(|pid| is_zombie(pid)).count()
}

/// The environment it was started with.
pub fn environment(pid: u32) -> BTreeMap<String, String> {
    let text = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let pairs = text.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    pairs.filter_map(|pair| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()))).collect()
}

/// Its open file descriptors and what they are.
pub fn descriptors(pid: u32) -> BTreeMap<u32, PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let number = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.flatten().filter_map(|entry| Some((number(&entry)?, fs::read_link(entry.path()).ok()?))).collect()
}

/// Its working directory.
pub fn working_directory(pid: u32) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/cwd")).unwrap()
}

/// Resident memory, in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    memory(pid, "VmRSS:")
}

/// The most that was ever resident, in KiB.
pub fn peak_kib(pid: u32) -> u64 {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, figure: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(figure)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Processor time it has used so far, in ticks of a hundredth of a second.
pub fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// How many threads it has.
pub fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).unwrap().count()
}

/// Sends a signal; a process that is gone already is none the worse.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Sends a signal to a process that carries `tag`; a number that somebody else has by now is left alone.
pub fn signal_tagged(pid: u32, tag: &str, signal: Signal) {
    let known = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Some(handle) = known.and_then(|known| pidfd_open(known, PidfdFlags::empty()).ok()) else { return };
    // Looked at once it is held: the one looked at is the one that gets it.
    if carries(pid, tag) {
        let _ = pidfd_send_signal(handle, signal);
    }
}

/// `kill -9`.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn carries(pid: u32, tag: &str) -> bool {
    let holds = |file: &str| {
        let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        memchr::memmem::find(&text, tag.as_bytes()).is_some()
    };
    let works_there = || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.to_string_lossy().contains(tag));
    holds("environ") || holds("cmdline") || works_there()
}
