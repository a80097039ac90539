//! The guard: a process between Ostler and each server that outlives Ostler by half a second, to leave nothing behind.
//!
//! The program re-executes itself under the name [`NAME`]. The guard is a child subreaper, so every descendant of the
//! server, however it detached itself, ends up as its child. Its standard input is a socket to Ostler: the orders
//! [`TERMINATE`] and [`KILL`] come in, [`Report`]s go out, and its end, whatever ended Ostler, means: end the tree.
//!
//! To the guard, once: eight bytes of length with the server's standard input as a passed descriptor, then the [`Spec`]
//! as JSON. Later: [`TERMINATE`] and [`KILL`], one byte each. The end of the socket means SIGTERM, half a second,
//! SIGKILL. From the guard: a [`Report`] a line.
//!
//! The guard closes all descriptors above 2, ignores requests to end, becomes a subreaper, sets `no_new_privs`, no core
//! dumps and a higher OOM score, and starts a session of its own. It spawns the server within its limits (`limits`) in
//! another session with default signals and a parent-death signal, and closes the server's pipes, so that their end is
//! the server's end. From then on it looks at what the tree uses (`watch`). When the server has exited, it ends the
//! rest of the tree until `wait` finds no child, removes the tree's temporary files, and only then ends itself: to
//! Ostler its end means that the tree is gone.
//! Signals go through pidfds, and the parent is checked again after opening.
//!
//! It begins before `main`: no program, and no harness of tests, has to know of it, and nothing of theirs runs here.

pub(super) mod enclosure;
mod filter;
mod folder_size;
mod footprint;
pub(super) mod handoff;
mod landlock;
mod limits;
mod network;
mod order;
mod places;
mod private_home;
mod probe;
mod restrictions;
mod spec;
pub(super) mod sys;
mod throttle;
mod tree;
mod watch;

use std::{
    io::{self, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitOptions};
use serde::{Deserialize, Serialize};

use crate::{
    demo_server,
    model::Exceeded,
    supervisor::{servers_user::ServersUser, temporary::MadeTemporary},
};

pub use order::{Assignment, KILL, TERMINATE, receive_spec, send_spec};
pub use spec::Spec;

use enclosure::Enclosure;
use limits::CountedBy;
pub(super) use order::NOTHING_TO_GUARD;
use order::{POLL_INTERVAL, TERMINATE_GRACE};
pub(super) use probe::NAME as PROBE;
use restrictions::Restrictions;
use watch::{Finding, Watch};

/// Name of a guard in the process list.
pub const NAME: &str = "ostler-guard";

/// Signals that ask a process to end or to note something. Service managers and shells send them to all processes of a
/// group. A guard ends when Ostler says so or is gone: earlier, it would take a server along that may be busy.
///
/// And SIGPIPE, which Rust's own runtime ignores, but not before `main`.
const IGNORED_SIGNALS: [Signal; 9] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::POWER,
    Signal::ALARM,
    Signal::USR1,
    Signal::USR2,
    Signal::PIPE,
];

/// The OOM score adjustment of servers: half of the highest, so that the kernel ends them before Ostler.
const OOM_SCORE_ADJUSTMENT: i32 = 500;

/// Reports of a guard to Ostler, one JSON line each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The server runs.
    Started {
        /// Its process id, session and process group.
        pid: u32,
    },
    /// It could not be started.
    Failed {
        /// The operating system's error number, where it gave one.
        errno: Option<i32>,
        /// Its reason in words.
        reason: String,
    },
    /// It could not be contained as it should be, so it was not started.
    Uncontained {
        /// The reason in words, and the setting that changes it.
        reason: String,
    },
    /// It used more than a limit allows; the guard ends it.
    Exceeded(Exceeded),
    /// It wants more than its share of the processors, so the guard stops it again and again.
    Held {
        /// Milliseconds for which it was stopped in all.
        ms: u64,
    },
    /// It ended; the guard now ends what it left behind, then itself.
    Exited {
        /// Exit code, where it exited by itself.
        code: Option<i32>,
        /// Signal number, where one ended it.
        signal: Option<i32>,
    },
}

impl Report {
    fn of(finding: Finding) -> Self {
        match finding {
            Finding::Exceeded(exceeded) => Self::Exceeded(exceeded),
            Finding::Held(time) => Self::Held { ms: time.as_millis().try_into().unwrap_or(u64::MAX) },
        }
    }
}

ctor::declarative::ctor! {
    #[ctor(unsafe)]
    fn before_main() {
        enter();
    }
}

/// Gaps that the kernel's Landlock leaves in every containment; for people.
pub(crate) fn gaps() -> Vec<&'static str> {
    landlock::missing(sys::landlock_version())
}

/// Does the work of a guard, a probe, an enclosure or a demo server, and exits, if this process was started to be one.
pub(crate) fn enter() {
    match std::env::args_os().next() {
        Some(name) if name == NAME => std::process::exit(i32::from(run().is_err())),
        Some(name) if name == PROBE => std::process::exit(probe::run()),
        Some(name) if name == enclosure::NAME => std::process::exit(enclosure::run()),
        Some(_) | None => {}
    }
    demo_server::enter();
}

fn run() -> io::Result<()> {
    let threads = check_threads();
    sys::close_inherited()?;
    sys::ignore(&IGNORED_SIGNALS);
    // The clone lies above 2 and is closed on exec, so the server gets none of it.
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    match threads
        .and_then(|()| isolate())
        .and_then(|()| receive_spec(&control))
        .map_err(|error| failed(&error))
        .and_then(start)
    {
        Ok((pid, watch, _temporary)) => {
            report(&control, &Report::Started { pid: pid.as_raw_nonzero().get().cast_unsigned() });
            release_output()?;
            let (orders, reports) = (control.try_clone()?, control.try_clone()?);
            let report = move |finding| report(&reports, &Report::of(finding));
            std::thread::spawn(move || order::run_orders(orders, watch, report));
            reap(pid, &control)
        }
        Err(reported) => {
            report(&control, &reported);
            Ok(())
        }
    }
}

fn failed(error: &io::Error) -> Report {
    Report::Failed { errno: error.raw_os_error(), reason: error.to_string() }
}

/// A fork beside other threads may lock up, and their work is not to be done once more by each guard.
fn check_threads() -> io::Result<()> {
    match std::fs::read_dir("/proc/self/task")?.count() {
        1 => Ok(()),
        _ => Err(io::Error::other("it began beside other threads; call ostler::guard() first thing in main")),
    }
}

/// Settings that the server inherits, and a session apart from Ostler's terminal.
fn isolate() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    rustix::thread::set_no_new_privs(true)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    raise_oom_score();
    // Best effort: a guard needs no session where it leads one.
    let _ = rustix::process::setsid();
    // Last, as it closes our own files in /proc: other servers of the same user must not read what passes through here.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Has the kernel end servers first when memory runs out, however Ostler is protected. Best effort.
fn raise_oom_score() {
    const FILE: &str = "/proc/self/oom_score_adj";
    let inherited = std::fs::read_to_string(FILE).ok().and_then(|text| text.trim().parse::<i32>().ok());
    if inherited.is_none_or(|inherited| inherited < OOM_SCORE_ADJUSTMENT) {
        let _ = std::fs::write(FILE, OOM_SCORE_ADJUSTMENT.to_string());
    }
}

/// Starts the server; what is returned last is kept until nothing of it is left.
fn start(Assignment { mut spec, stdin, handoff }: Assignment) -> Result<(Pid, Watch, Option<MadeTemporary>), Report> {
    let temporary = spec.try_cwd().and_then(|()| private_home::prepare(&mut spec)).map_err(|error| failed(&error))?;
    handoff.map_or(Ok(()), |handoff| network::leave(&handoff, &spec)).map_err(uncontained)?;
    spec.user().into_iter().for_each(|user| give_pipes(stdin.as_fd(), user));
    let best = CountedBy::best(&spec.limits, spec.user());
    let (spawned, counted_by) = match spawn(&spec, stdin.try_clone().map_err(|error| failed(&error))?, best)? {
        Err(error) if best.failed_with(&error) => (spawn(&spec, stdin, CountedBy::Guard)?, CountedBy::Guard),
        spawned => (spawned, best),
    };
    let pid = spawned.map_err(|error| failed(&error))?;
    Ok((pid, Watch::new(&spec, counted_by), temporary))
}

/// Starts the server's program. The outer error says why it cannot be contained.
fn spawn(spec: &Spec, stdin: OwnedFd, counted_by: CountedBy) -> Result<io::Result<Pid>, Report> {
    let enclosure = Enclosure::of(spec).map_err(uncontained)?;
    let (restrictions, faults) = Restrictions::of(spec).map_err(uncontained)?;
    let mut command = match enclosure.as_ref().map(|enclosure| enclosure.command(&spec.program)).transpose() {
        Ok(command) => command.unwrap_or_else(|| Command::new(&spec.program)),
        Err(error) => return Ok(Err(error)),
    };
    command.args(&spec.args).env_clear().envs(&spec.env).current_dir(spec.working_dir()).stdin(Stdio::from(stdin));
    limits::apply(&mut command, &spec.limits, spec.user(), counted_by);
    sys::in_new_session(&mut command, move || restrictions.apply());
    let spawned = command.spawn();
    // With the command, what the child would have written to: faults are read to their end.
    drop(command);
    match spawned {
        Ok(child) => {
            let no_id = || io::Error::other("the server has no process id");
            Ok(Pid::from_raw(child.id().cast_signed()).ok_or_else(no_id))
        }
        Err(error) => faults.read(&error).map_or(Ok(Err(error)), |reason| Err(uncontained(reason))),
    }
}

/// Lets another user open the server's pipes by name, as by `/dev/stderr`. Best effort.
fn give_pipes(stdin: BorrowedFd<'_>, user: &ServersUser) {
    let (output, errors) = (io::stdout(), io::stderr());
    for pipe in [stdin, output.as_fd(), errors.as_fd()] {
        let _ = std::os::unix::fs::fchown(pipe, Some(user.uid), Some(user.gid));
    }
}

fn uncontained(reason: String) -> Report {
    Report::Uncontained { reason }
}

/// Lets go of the server's pipes: Ostler must see them end with the server, not with the guard.
fn release_output() -> io::Result<()> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

fn report(mut control: &UnixStream, report: &Report) {
    let mut line = serde_json::to_vec(report).unwrap_or_default();
    line.push(b'\n');
    // Without Ostler there is no reader; `run_orders` handles the end of the socket.
    let _ = control.write_all(&line);
}

/// Waits for every child, the adopted ones too, until the server has ended and nothing of it is left.
fn reap(server: Pid, control: &UnixStream) -> io::Result<()> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == server => {
                let status = ExitStatus::from_raw(status.as_raw());
                report(control, &Report::Exited { code: status.code(), signal: status.signal() });
                return end_leftovers();
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn end_leftovers() -> io::Result<()> {
    if !any_child_left()? {
        return Ok(());
    }
    tree::terminate_descendants();
    let mut waited = Duration::ZERO;
    while any_child_left()? {
        if waited >= TERMINATE_GRACE {
            tree::signal_descendants(Signal::KILL);
        }
        sys::pause(POLL_INTERVAL);
        waited += POLL_INTERVAL;
    }
    Ok(())
}

/// Reaps what has ended; whether any child still runs.
fn any_child_left() -> io::Result<bool> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return Ok(true),
            Err(rustix::io::Errno::CHILD) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_guard_does_not_begin_beside_other_threads() {
        let beside = std::thread::spawn(super::check_threads).join().unwrap();
        assert!(beside.unwrap_err().to_string().contains("call ostler::guard() first thing in main"));
    }
}
