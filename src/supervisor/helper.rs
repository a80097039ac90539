//! [`Helper`]: a program of the operator's that prints a secret, run without a shell and within bounds.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};
use tokio::time::Instant;

use crate::supervisor::orphans::GuardProcess;

/// Bytes of standard error that are kept for the reason of a failure.
const ERROR_BYTES_MAX: usize = 500;

/// Bytes read at once.
const READ_BYTES: usize = 4096;

/// A program to run for what it prints.
pub(crate) struct Helper {
    /// Its path, and its arguments.
    pub words: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<OsString, OsString>,
    /// Longest time that it may take.
    pub timeout: Duration,
    /// Most bytes that it may print.
    pub bytes_max: usize,
}

impl Helper {
    /// Runs it, and ends whatever is left of its process group. Returns what it wrote to standard output, or why there
    /// is no use in that, with what it wrote to standard error. Blocks.
    pub(crate) fn run(&self) -> Result<Vec<u8>, String> {
        let Some((program, args)) = self.words.split_first() else { return Err("names no program".into()) };
        let mut command = Command::new(program);
        command.args(args).env_clear().envs(&self.env).current_dir("/").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let cannot = |cause: io::Error| format!("{program} cannot be run: {cause}");
        let mut child = GuardProcess::spawn(&mut command).map_err(cannot)?;
        let group = Pid::from_child(&child);
        let pipes = [child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from)];
        let ended = pidfd_open(group, PidfdFlags::empty()).map_err(io::Error::from);
        let printed = ended.and_then(|ended| self.follow(&ended, pipes));
        // Its leader is not waited for yet, so the number is still that of this group.
        let _ = kill_process_group(group, Signal::KILL);
        let status = child.wait().map_err(cannot)?;
        let [output, errors] = printed.map_err(|cause| format!("{program} {cause}"))?;
        match output.bytes {
            bytes if bytes.len() > self.bytes_max => Err(format!("{program} printed over {} bytes", self.bytes_max)),
            _ if !status.success() => Err(format!("{program} {}{}", end(status), words(&errors.bytes))),
            bytes => Ok(bytes),
        }
    }

    /// Reads both pipes until the process has ended and they are empty, or it printed too much.
    fn follow(&self, ended: &OwnedFd, [output, errors]: [Option<OwnedFd>; 2]) -> io::Result<[Pipe; 2]> {
        let deadline = Instant::now() + self.timeout;
        // One byte more tells that there are too many.
        let mut pipes = [Pipe::new(output, self.bytes_max.saturating_add(1)), Pipe::new(errors, ERROR_BYTES_MAX)];
        while pipes.first().is_some_and(|output| output.bytes.len() <= self.bytes_max) {
            let left = deadline.saturating_duration_since(Instant::now());
            let late = || io::Error::other(format!("gave no answer within {} s", self.timeout.as_secs_f32()));
            let left = Timespec::try_from(left).ok().filter(|_| !left.is_zero()).ok_or_else(late)?;
            let mut ready = vec![PollFd::new(ended, PollFlags::IN)];
            ready.extend(pipes.iter().map(|pipe| PollFd::from_borrowed_fd(pipe.or(ended.as_fd()), PollFlags::IN)));
            match poll(&mut ready, Some(&left)) {
                Err(rustix::io::Errno::INTR) => continue,
                polled => polled?,
            };
            let is_ready: Vec<_> = ready.iter().map(|one| !one.revents().is_empty()).collect();
            let [has_ended, pipes_ready @ ..] = is_ready.as_slice() else { break };
            let mut has_read = false;
            for (pipe, _) in pipes.iter_mut().zip(pipes_ready).filter(|(_, is_ready)| **is_ready) {
                has_read |= pipe.read()?;
            }
            if *has_ended && !has_read {
                break;
            }
        }
        Ok(pipes)
    }
}

/// One of the pipes of a helper, and the beginning of what came out of it.
struct Pipe {
    /// `None` once it has ended.
    reader: Option<OwnedFd>,
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Pipe {
    fn new(reader: Option<OwnedFd>, bytes_max: usize) -> Self {
        Self { reader, bytes: Vec::new(), bytes_max }
    }

    /// Its reading end, or `other` where it has none any more.
    fn or<'a>(&'a self, other: BorrowedFd<'a>) -> BorrowedFd<'a> {
        self.reader.as_ref().map_or(other, AsFd::as_fd)
    }

    /// Reads some of it, which is there; false where nothing more comes.
    fn read(&mut self) -> io::Result<bool> {
        let Some(reader) = &self.reader else { return Ok(false) };
        let mut buffer = [0; READ_BYTES];
        let count = rustix::io::read(reader, &mut buffer)?;
        let room = self.bytes_max.saturating_sub(self.bytes.len());
        self.bytes.extend(buffer.iter().take(count.min(room)));
        if count == 0 {
            self.reader = None;
        }
        Ok(count > 0)
    }
}

fn end(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
    }
}

/// The text of standard error, on one line.
fn words(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> Result<Vec<u8>, String> {
        let words = ["/bin/sh", "-c", script, "sh", "an argument"].map(String::from).into();
        let env = [("PATH".into(), "/bin:/usr/bin".into())].into();
        Helper { words, env, timeout: Duration::from_secs(2), bytes_max: 1000 }.run()
    }

    #[test]
    fn what_it_prints_is_returned_once_it_has_ended() {
        assert_eq!(run("printf 's3 %s' \"$1\""), Ok(b"s3 an argument".into()));
        assert_eq!(run("echo one; exec >&-; echo noise >&2"), Ok(b"one\n".into()));
        assert_eq!(run("env | grep -c -v -e ^PATH= -e ^PWD= -e ^_= -e ^SHLVL=; true"), Ok(b"0\n".into()));
        assert_eq!(run("cat; pwd"), Ok(b"/\n".into()));
    }

    #[test]
    fn a_failure_says_what_it_wrote_and_not_what_it_printed() {
        assert_eq!(
            run("echo s3cret; printf 'sealed\\n\\033[1m' >&2; exit 3"),
            Err("/bin/sh exited with code 3: sealed  [1m".into())
        );
        assert_eq!(run("kill -9 $$"), Err("/bin/sh was ended by signal 9".into()));
        let long = run("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1").unwrap_err();
        assert_eq!(long.len(), "/bin/sh exited with code 1: ".len() + ERROR_BYTES_MAX);
        let absent =
            Helper { words: vec!["/no/such".into()], env: BTreeMap::new(), timeout: Duration::ZERO, bytes_max: 1 };
        assert!(absent.run().unwrap_err().starts_with("/no/such cannot be run: No such file"));
    }

    #[test]
    fn one_that_prints_or_takes_too_much_is_ended() {
        assert_eq!(run("head -c 1001 /dev/zero"), Err("/bin/sh printed over 1000 bytes".into()));
        assert_eq!(run("sleep 100; echo late"), Err("/bin/sh gave no answer within 2 s".into()));
        assert_eq!(run("yes"), Err("/bin/sh printed over 1000 bytes".into()));
        assert_eq!(run("yes >&2"), Err("/bin/sh gave no answer within 2 s".into()));
    }

    #[test]
    fn what_it_started_ends_with_it_and_keeps_nobody_waiting() {
        let pid = String::from_utf8(run("sleep 100 & echo $!").unwrap()).unwrap();
        let is_gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z")
        };
        // Killed already, it may take a moment to go.
        while !is_gone() {
            std::thread::yield_now();
        }
    }
}
