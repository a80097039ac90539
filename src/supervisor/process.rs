//! A server's process as Ostler holds it: three pipes, and the socket to its guard. The only place that spawns.

use std::{
    fs, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            fs::DirBuilderExt,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::Path,
    process::{Command, Stdio},
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

/// Starts a guard that starts what `spec` says. Takes well under a millisecond; needs a tokio runtime.
pub(super) fn spawn(guard: &Path, spec: &Spec) -> io::Result<Process> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&spec.dir)?;
    let (control, guard_end) = std::os::unix::net::UnixStream::pair()?;
    let (stdin_reader, stdin_writer) = io::pipe()?;
    let mut command = Command::new(guard);
    command.arg0(guard::NAME).env_clear().stdin(Stdio::from(OwnedFd::from(guard_end)));
    let mut guard = GuardProcess::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    // It keeps the guard's end of the socket.
    drop(command);
    let (Some(stdout), Some(stderr)) = (guard.stdout.take(), guard.stderr.take()) else {
        return Err(io::Error::other("the guard has no pipes"));
    };
    let spec = guard::send_spec(&control, spec, stdin_reader.as_fd())?;
    control.set_nonblocking(true)?;
    let (reader, writer) = UnixStream::from_std(control)?.into_split();
    Ok(Process {
        stdin: pipe::Sender::from_owned_fd(stdin_writer.into())?,
        stdout: pipe::Receiver::from_owned_fd(stdout.into())?,
        stderr: pipe::Receiver::from_owned_fd(stderr.into())?,
        orders: orders(writer, spec),
        reports: Reports { lines: BufReader::new(reader).lines(), guard },
    })
}

/// Writes the spec, then whatever is ordered.
fn orders(mut socket: OwnedWriteHalf, spec: Vec<u8>) -> Orders {
    let (sender, mut given) = mpsc::unbounded_channel();
    actix::spawn(async move {
        // A write fails only where the guard is gone, and the reports tell that.
        let _ = socket.write_all(&spec).await;
        while let Some(order) = given.recv().await {
            let _ = socket.write_all(&[order]).await;
        }
    });
    Orders(sender)
}
