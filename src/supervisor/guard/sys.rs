//! The system calls a guard needs that have no safe form; the only `unsafe` in the program.
#![allow(unsafe_code)]

use std::{io, os::unix::process::CommandExt, process::Command, time::Duration};

use rustix::process::Signal;

/// Closes everything above standard error, whatever the parent left open.
pub(super) fn close_inherited() -> io::Result<()> {
    // SAFETY: called first in a process that has opened nothing yet, so no value owns any of these descriptors.
    let result = unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes the child lead a session of its own, and die if the guard is killed.
pub(super) fn in_own_session(command: &mut Command) {
    let guard = rustix::process::getpid();
    let before_exec = move || {
        rustix::process::setsid()?;
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The guard may have died before the line above took effect.
        if rustix::process::getppid() == Some(guard) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: runs between fork and exec of a single-threaded process, and makes plain system calls only.
    unsafe { command.pre_exec(before_exec) };
}

/// Sleeps; the guard has no event loop.
#[allow(clippy::disallowed_methods)]
pub(super) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
