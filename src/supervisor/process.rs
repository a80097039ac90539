//! A server's process as Ostler holds it: three pipes, and the socket to its guard. The only place that spawns.

use std::{
    fs, io,
    net::Shutdown,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            fs::DirBuilderExt,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf, pipe},
    },
    sync::mpsc,
};

use crate::supervisor::{
    guard::{self, Report, Spec},
    orphans::GuardProcess,
};

/// Time for a guard that is tried to say that it got nothing to guard.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// A running server. When `orders` and `reports` are dropped, its guard ends the whole tree.
pub(super) struct Process {
    /// The server reads this.
    pub stdin: pipe::Sender,
    /// The server writes this.
    pub stdout: pipe::Receiver,
    /// And this.
    pub stderr: pipe::Receiver,
    /// Orders to the guard.
    pub orders: Orders,
    /// Reports from the guard.
    pub reports: Reports,
    /// Sockets in the server's network come from here, if it has one of its own.
    pub handoff: Option<UnixStream>,
}

/// The sending half of the socket to a guard; dropping it is the order to end the tree.
pub(super) struct Orders(mpsc::UnboundedSender<u8>);

impl Orders {
    /// Gives an order; a guard that is gone has carried out every one.
    pub(super) fn send(&self, order: u8) {
        let _ = self.0.send(order);
    }
}

/// The receiving half, and the guard process itself.
pub(super) struct Reports {
    lines: Lines<BufReader<OwnedReadHalf>>,
    guard: GuardProcess,
}

impl Reports {
    /// The guard's process id.
    pub(super) fn guard(&self) -> i32 {
        self.guard.id().cast_signed()
    }

    /// The next report; `None` once the guard has let go of the socket, which it does by ending.
    pub(super) async fn next(&mut self) -> Option<Report> {
        let line = self.lines.next_line().await.ok().flatten()?;
        serde_json::from_str(&line).ok()
    }

    /// Takes the ended guard off the process table, and says how it ended.
    pub(super) async fn reap(mut self) -> String {
        match tokio::task::spawn_blocking(move || self.guard.wait()).await.map_err(io::Error::other).flatten() {
            Ok(status) => match (status.signal(), status.code()) {
                (Some(signal), _) => format!("its guard was killed by signal {signal}"),
                (None, code) => format!("its guard exited with code {}", code.unwrap_or_default()),
            },
            Err(error) => format!("its guard cannot be waited for: {error}"),
        }
    }
}

/// Starts a guard that starts what `spec` says, in a network of its own if it `has_own_network`. Takes well under a
/// millisecond; needs a tokio runtime.
pub(super) fn spawn(guard: &Path, spec: &Spec, has_own_network: bool) -> io::Result<Process> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&spec.dir)?;
    let (stdin_reader, stdin_writer) = io::pipe()?;
    let (mut guard, control) = start_guard(guard, Stdio::piped)?;
    let (Some(stdout), Some(stderr)) = (guard.stdout.take(), guard.stderr.take()) else {
        return Err(io::Error::other("the guard has no pipes"));
    };
    let (handoff, handed_over) = has_own_network.then(UnixStream::pair).transpose()?.unzip();
    let spec = guard::send_spec(&control, spec, stdin_reader.as_fd(), handed_over.as_ref().map(AsFd::as_fd))?;
    control.set_nonblocking(true)?;
    let (reader, writer) = UnixStream::from_std(control)?.into_split();
    Ok(Process {
        stdin: pipe::Sender::from_owned_fd(stdin_writer.into())?,
        stdout: pipe::Receiver::from_owned_fd(stdout.into())?,
        stderr: pipe::Receiver::from_owned_fd(stderr.into())?,
        orders: orders(writer, spec),
        reports: Reports { lines: BufReader::new(reader).lines(), guard },
        handoff,
    })
}

/// Starts a guard whose output goes where `output` says; returns Ostler's end of its socket as well.
fn start_guard(guard: &Path, output: impl Fn() -> Stdio) -> io::Result<(GuardProcess, std::os::unix::net::UnixStream)> {
    let (control, guard_end) = std::os::unix::net::UnixStream::pair()?;
    let mut command = Command::new(guard);
    command.arg0(guard::NAME).env_clear().stdin(Stdio::from(OwnedFd::from(guard_end)));
    // The command keeps the guard's end of the socket, and is dropped here.
    Ok((GuardProcess::spawn(command.stdout(output()).stderr(output()))?, control))
}

/// Tries whether `program` guards: one that gets nothing to guard says so and ends. Blocks, 10 s at most; the error is
/// for people.
pub(crate) fn try_guard(program: &Path) -> Result<(), String> {
    // A program that goes on in its `main` would try the next one, and so on without end.
    if std::env::args_os().next().is_some_and(|name| name == guard::NAME) {
        return Err("this process was started as a guard; call ostler::guard() first thing in main".into());
    }
    let tried = || {
        let (mut guard, control) = start_guard(program, Stdio::null)?;
        control.shutdown(Shutdown::Write)?;
        control.set_read_timeout(Some(TRIAL_TIMEOUT))?;
        let mut line = String::new();
        let read = io::BufRead::read_line(&mut io::BufReader::new(control), &mut line);
        guard.kill()?;
        guard.wait()?;
        read.map(|_| line)
    };
    let said = tried().map_err(|cause: io::Error| cause.to_string())?;
    match serde_json::from_str(&said) {
        Ok(Report::Failed { errno, .. }) if errno == Some(guard::NOTHING_TO_GUARD.raw_os_error()) => Ok(()),
        Ok(Report::Failed { reason, .. }) => Err(reason),
        Ok(
            Report::Started { .. }
            | Report::Exited { .. }
            | Report::Exceeded(_)
            | Report::Held { .. }
            | Report::Uncontained { .. },
        )
        | Err(_) => Err("it does not do a guard's work".into()),
    }
}

/// Writes the spec, then whatever is ordered.
fn orders(mut socket: OwnedWriteHalf, spec: Vec<u8>) -> Orders {
    let (sender, mut given) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        // A write fails only where the guard is gone, and the reports tell that.
        let _ = socket.write_all(&spec).await;
        while let Some(order) = given.recv().await {
            let _ = socket.write_all(&[order]).await;
        }
    });
    Orders(sender)
}
