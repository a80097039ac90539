//! The system calls a guard needs that have no safe form; the only `unsafe` in the program.
#![allow(unsafe_code)]

use std::{
    io,
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::Command,
    time::Duration,
};

use rustix::{process::Signal, thread::UnshareFlags};

/// Closes everything above standard error, whatever the parent left open.
pub(super) fn close_inherited() -> io::Result<()> {
    // SAFETY: called first in a process that does nothing else from then on: no value here owns any of these
    // descriptors, and what other code that ran before `main` has opened is not used again.
    let result = unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ignores `signals`, and so do programs started from here, unless they begin with [`reset_signals`].
pub(super) fn ignore(signals: &[Signal]) {
    for signal in signals {
        // SAFETY: no handler is installed. A signal that cannot be ignored stays as it is.
        unsafe { libc::signal(signal.as_raw(), libc::SIG_IGN) };
    }
}

/// Signals there are, of which the kernel takes a mask of eight bytes.
const SIGNALS: std::ops::RangeInclusive<i32> = 1..=64;
const SIGNAL_MASK_BYTES: usize = 8;

/// Gives every signal its default action, and blocks none.
fn reset_signals() -> io::Result<()> {
    // The kernel's structure of a default action has zeros alone, in four words at most.
    let default = [0_u64; 4];
    for signal in SIGNALS {
        // Not by the C library: it leaves out two signals of its own, which its posix_spawn has the child ignore.
        // SAFETY: no handler is installed, and the structure lives until the call returns. It fails for fixed signals.
        unsafe {
            let none = std::ptr::null_mut::<u64>();
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), none, SIGNAL_MASK_BYTES)
        };
    }
    let mut none = MaybeUninit::uninit();
    // SAFETY: the set is initialized by the first call and read by the second, which writes nothing back.
    let done = unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(done)) }
}

/// Makes the child lead a session of its own with all signals at their defaults, die if the guard is killed, and keep
/// to what `restrict` sets, which may make plain system calls only.
pub(super) fn in_new_session(command: &mut Command, restrict: impl Fn() -> io::Result<()> + Send + Sync + 'static) {
    let guard = rustix::process::getpid();
    let before_exec = move || {
        rustix::process::setsid()?;
        reset_signals()?;
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The guard may have died before the line above took effect.
        if rustix::process::getppid() != Some(guard) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        restrict()
    };
    // SAFETY: runs between fork and exec of a single-threaded process, and makes plain system calls only.
    unsafe { command.pre_exec(before_exec) };
}

/// Has the child take `step` before it becomes the program.
pub(super) fn before_exec(command: &mut Command, step: impl FnMut() -> io::Result<()> + Send + Sync + 'static) {
    // SAFETY: runs between fork and exec of a single-threaded process, so no lock is held that it could want.
    unsafe { command.pre_exec(step) };
}

/// The version of Landlock that the kernel has; 0 or less where it has none.
pub(in crate::supervisor) fn landlock_version() -> i64 {
    // SAFETY: with this flag the kernel reads no memory of this process.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u64>(), 0_usize, 1_u32) }
}

/// A set of Landlock rules that forbids what the members of `struct landlock_ruleset_attr` say, of which there may be
/// fewer than the kernel knows: rights to files, then to ports, then scopes.
pub(super) fn landlock_rules(members: &[u64]) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads as many bytes as are named, all of the slice.
    let made =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, members.as_ptr(), size_of_val(members), 0_u32) };
    let fd = i32::try_from(made).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel made it for this process, and no other code knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Allows `rights` in `place` and all below it.
pub(super) fn landlock_allow(rules: &OwnedFd, place: BorrowedFd<'_>, rights: u64) -> io::Result<()> {
    #[repr(C, packed)]
    struct PathBeneath {
        rights: u64,
        place: i32,
    }
    let rule = PathBeneath { rights, place: place.as_raw_fd() };
    // SAFETY: a rule of type 1 is read as this structure, which lives until the call returns.
    let done = unsafe { libc::syscall(libc::SYS_landlock_add_rule, rules.as_raw_fd(), 1_u32, &raw const rule, 0_u32) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Holds this process to Landlock rules for good, and all that it starts.
pub(super) fn restrict(rules: &OwnedFd) -> io::Result<()> {
    // SAFETY: it takes numbers only.
    let done = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0_u32) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// True when the kernel can filter system calls.
pub(super) fn has_filters() -> bool {
    let action = libc::SECCOMP_RET_ERRNO;
    // SAFETY: it reads the number of an action, which lives until the call returns.
    let found = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0_u32, &raw const action) };
    found == 0
}

/// Has the kernel filter the system calls of this process for good, and of all that it starts.
pub(super) fn filter_calls(filter: &[libc::sock_filter]) -> io::Result<()> {
    let length = u16::try_from(filter.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
    let program = libc::sock_fprog { len: length, filter: filter.as_ptr().cast_mut() };
    // SAFETY: the kernel copies the program, which lives until the call returns, and writes nothing to it.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0_u32, &raw const program) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Moves this process into namespaces of its own.
pub(super) fn unshare(namespaces: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: callers name namespaces alone: descriptors and memory stay as they are.
    unsafe { rustix::thread::unshare_unsafe(namespaces) }
}

/// Processor time that a process has used itself, with its threads that have ended.
pub(super) fn processor_time(pid: i32) -> Option<Duration> {
    let (mut clock, mut time) = (0, MaybeUninit::<libc::timespec>::uninit());
    // SAFETY: each call writes to what lives until it returns, and the time is read only where it was written.
    let time = unsafe {
        if libc::clock_getcpuclockid(pid, &raw mut clock) != 0 || libc::clock_gettime(clock, time.as_mut_ptr()) != 0 {
            return None;
        }
        time.assume_init()
    };
    Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
}

/// Sleeps; the guard has no event loop.
#[allow(clippy::disallowed_methods)]
pub(super) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
