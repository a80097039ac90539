//! Limits that the kernel keeps: descriptors of each process, and the number of processes.
//!
//! The kernel counts the processes of a user in each user namespace apart, so a server in one of its own is bounded by
//! `RLIMIT_NPROC` alone, and at once. It never bounds root's, in no namespace: those the guard counts.

use std::{fs, io, process::Command};

use rustix::{
    io::Errno,
    process::{DumpableBehavior, Resource, Rlimit, getegid, geteuid, getrlimit, set_dumpable_behavior, setrlimit},
    thread::UnshareFlags,
};

use crate::{
    model::Limits,
    supervisor::{guard::sys, servers_user::ServersUser},
};

/// Open files of a server without a limit: programs that know no more than `select` break at more, and others raise it.
const OPEN_FILES: (u64, u64) = (1024, 8192);

/// The error of a child in a user namespace that nothing could be written to.
const UNMAPPED: Errno = Errno::USERS;

/// The one that keeps the number of processes within its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CountedBy {
    Kernel,
    Guard,
}

impl CountedBy {
    /// The best that may be tried.
    pub(super) fn best(limits: &Limits, user: Option<&ServersUser>) -> Self {
        let is_root = user.is_none() && geteuid().is_root();
        if limits.processes.is_some() && !is_root { Self::Kernel } else { Self::Guard }
    }

    /// True where a program could not be started for this way of counting alone.
    pub(super) fn failed_with(self, error: &io::Error) -> bool {
        self == Self::Kernel && error.raw_os_error() == Some(UNMAPPED.raw_os_error())
    }
}

/// Has the program of `command` begin within these limits, as `user` where there is one.
pub(super) fn apply(command: &mut Command, limits: &Limits, user: Option<&ServersUser>, counted_by: CountedBy) {
    let files = open_files(limits);
    let processes = limits.processes.filter(|_| counted_by == CountedBy::Kernel);
    let own = || (geteuid().as_raw(), getegid().as_raw());
    let (uid, gid) = user.map_or_else(own, |user| (user.uid, user.gid));
    // In this order: the kernel maps groups for those only who gave up the right to drop one.
    let maps = [
        ("/proc/self/uid_map", format!("{uid} {uid} 1")),
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/gid_map", format!("{gid} {gid} 1")),
    ];
    let user = user.cloned();
    sys::before_exec(command, move || {
        setrlimit(Resource::Nofile, files)?;
        user.as_ref().map_or(Ok(()), ServersUser::assume)?;
        let Some(most) = processes else { return Ok(()) };
        // Where the machine allows no namespace, the limit would count processes of all servers.
        if sys::unshare(UnshareFlags::NEWUSER).is_err() {
            return Err(UNMAPPED.into());
        }
        // An undumpable process may not write these files; the program's start makes it what it should be.
        set_dumpable_behavior(DumpableBehavior::Dumpable)?;
        maps.iter().try_for_each(|(file, map)| fs::write(file, map)).map_err(|_| UNMAPPED)?;
        Ok(setrlimit(Resource::Nproc, Rlimit { current: Some(most), maximum: Some(most) })?)
    });
}

fn open_files(limits: &Limits) -> Rlimit {
    let (current, maximum) = limits.open_files.map_or(OPEN_FILES, |most| (most, most));
    let highest = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    Rlimit { current: Some(current.min(highest)), maximum: Some(maximum.min(highest)) }
}
