//! The probe: a process that makes one namespace after the other, writes what was refused on standard output, and ends.
//!
//! Namespaces are made by the process that will live in them, and only by one without threads: so the program
//! re-executes itself under the name [`NAME`], as it does for a guard.

use std::{
    ffi::OsStr,
    io::{self, Write},
    os::unix::{ffi::OsStrExt, process::CommandExt},
    process::Command,
};

use rustix::{
    fs::CWD,
    io::Errno,
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    thread::UnshareFlags,
};

use crate::{policy::facilities::NamespaceTrial, supervisor::guard::sys};

/// Name of a probe in the process list.
pub(in crate::supervisor) const NAME: &str = "ostler-probe";

/// The argument of the probe that is the first process of a new process namespace.
const FIRST_PROCESS: &str = "first-process";

/// Namespaces within that of a user; the names are those of [`crate::policy::facilities::NAMESPACES`].
const WITHIN: [(&str, UnshareFlags); 5] = [
    ("mount", UnshareFlags::NEWNS),
    ("pid", UnshareFlags::NEWPID),
    ("ipc", UnshareFlags::NEWIPC),
    ("uts", UnshareFlags::NEWUTS),
    ("net", UnshareFlags::NEWNET),
];

/// Does the work of a probe; the value is the exit code.
pub(super) fn run() -> i32 {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == FIRST_PROCESS) {
        return mount_proc().err().map_or(0, Errno::raw_os_error);
    }
    let json = serde_json::to_vec(&try_namespaces()).unwrap_or_default();
    i32::from(io::stdout().write_all(&json).is_err())
}

fn try_namespaces() -> NamespaceTrial {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    if let Err(errno) = sys::unshare(UnshareFlags::NEWUSER) {
        return NamespaceTrial { user: Some(errno.raw_os_error()), ..NamespaceTrial::default() };
    }
    let mut trial = NamespaceTrial::default();
    let mut note = |name: &str, outcome: Result<(), Errno>| {
        if let Err(errno) = outcome {
            trial.within.entry(name.to_owned()).or_insert_with(|| errno.raw_os_error());
        }
    };
    // A process whose user has no number in its namespace may do less.
    let map = |file: &str, text: String| std::fs::write(file, text);
    let mapped = map("/proc/self/setgroups", "deny".into())
        .and_then(|()| map("/proc/self/uid_map", format!("0 {} 1", user.as_raw())))
        .and_then(|()| map("/proc/self/gid_map", format!("0 {} 1", group.as_raw())));
    note("mount", mapped.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::PERM)));
    for (name, flags) in WITHIN {
        note(name, sys::unshare(flags));
    }
    // Containers may allow the namespace, and no mount in it.
    note("mount", mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC));
    note("proc", try_proc());
    trial
}

/// Has the first process of the new process namespace mount what shows its processes.
fn try_proc() -> Result<(), Errno> {
    // Not by the link: the process that follows it has no number in the namespace that /proc shows.
    let program = rustix::fs::readlinkat(CWD, "/proc/self/exe", Vec::new())?;
    let program = OsStr::from_bytes(program.to_bytes());
    let status = Command::new(program).arg0(NAME).arg(FIRST_PROCESS).env_clear().status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => Ok(()),
        Ok(code) => Err(Errno::from_raw_os_error(code.unwrap_or(libc::EPERM))),
        Err(error) => Err(Errno::from_io_error(&error).unwrap_or(Errno::PERM)),
    }
}

fn mount_proc() -> Result<(), Errno> {
    mount("proc", "/proc", "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)
}
