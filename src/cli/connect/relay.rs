//! [`StdioRelay`]: lines from a client to Ostler and back, across restarts of Ostler.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ostler::{
    mcp::{self, Frame},
    supervisor::{
        RemoteTarget,
        remote::{self, LineSender, RemoteEvent, RemoteFailure},
    },
};
use serde_json::value::RawValue;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    handshake::{self, Handshake},
    message::Message,
    pending::{PendingRequests, may_repeat},
    pipes,
};
use crate::cli::{failure::Failure, signals::StopSignals, standard_error::complain};

/// Time for requests in flight once standard input has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// Time for Ostler to end the session.
const FAREWELL: Duration = Duration::from_secs(3);

/// Between two tries to send a line while others wait.
const BUSY: Duration = Duration::from_millis(5);

/// Pause before the first try to reach an Ostler that is away; each further one is twice as long.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The longest such pause: a client goes on soon after Ostler is back.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);

/// A client on one side, Ostler on the other.
pub(super) struct StdioRelay {
    target: RemoteTarget,
    sender: LineSender,
    heard: mpsc::Receiver<RemoteEvent>,
    lines: mpsc::Receiver<Frame>,
    output: pipes::StandardOutput,
    pending: PendingRequests,
    handshake: Handshake,
    /// The next try to reach an Ostler that is away.
    retry_at: Option<Instant>,
    /// Tries since it was last heard of.
    retries: u32,
}

impl StdioRelay {
    /// A relay between standard input and output and the endpoint at `target`.
    pub(super) fn new(target: RemoteTarget) -> Result<Self, Failure> {
        let (sender, heard) = connect(&target)?;
        let (lines, output) = (pipes::input(), pipes::StandardOutput::open());
        let (pending, handshake) = (PendingRequests::default(), Handshake::default());
        Ok(Self { target, sender, heard, lines, output, pending, handshake, retry_at: None, retries: 0 })
    }

    /// Relays until the client is done.
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        let mut signals = StopSignals::listen().map_err(|error| Failure::of("listen for signals", &error))?;
        // A line that could not be sent yet, and when to give up waiting for answers once there are no more.
        let (mut waiting, mut end) = (None, None);
        while end.is_none() || !self.pending.is_empty() {
            let retry_at = self.retry_at;
            tokio::select! {
                frame = self.lines.recv(), if waiting.is_none() && end.is_none() => match frame {
                    Some(frame) => waiting = self.take(frame),
                    None => end = Some(Instant::now() + LAST_ANSWERS),
                },
                () = sleep(BUSY), if waiting.is_some() => waiting = self.send(waiting.take()),
                heard = self.heard.recv() => self.hear(heard).await?,
                () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => self.retry(),
                () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => break,
                _ = signals.next() => break,
            }
        }
        self.close().await;
        Ok(())
    }

    /// Ends the session, and writes what comes until then.
    async fn close(self) {
        let Self { sender, mut heard, output, .. } = self;
        drop(sender);
        let rest = async {
            while let Some(heard) = heard.recv().await {
                if let RemoteEvent::Frame(Frame::Line(line)) = heard {
                    output.write(line).await;
                }
            }
        };
        let _ = timeout(FAREWELL, rest).await;
        output.finish().await;
    }

    /// Takes a line of the client; gives it back where it has to wait.
    fn take(&mut self, frame: Frame) -> Option<Bytes> {
        let Frame::Line(line) = frame else {
            complain("ostler: a message of the client was longer than 16 MiB and was left out\n");
            return None;
        };
        let Some(message) = Message::read(&line) else { return self.send(Some(line)) };
        self.handshake.note(&message, &line);
        let request = message.method.as_deref().zip(message.id);
        if let Some((method, id)) = request {
            self.pending.add(id.get(), method, line.clone());
        }
        if self.retry_at.is_none() && self.handshake.is_ready() {
            return self.send(Some(line));
        }
        if let Some((_, id)) = request {
            self.pending.postpone(id.get());
            if !self.handshake.is_repeated() {
                self.wait("the session has ended");
            }
            return None;
        }
        if let Some(id) = message.cancelled() {
            self.pending.remove(id);
        }
        // A notification or an answer is about what is in flight, and that goes on where the session does.
        self.handshake.is_ready().then(|| self.send(Some(line.clone()))).flatten()
    }

    fn send(&self, line: Option<Bytes>) -> Option<Bytes> {
        let line = line?;
        match self.sender.send(line.clone()) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Some(line),
            // The end is reported, with its reason, by the messages still to be received.
            Ok(()) | Err(_) => None,
        }
    }

    async fn hear(&mut self, heard: Option<RemoteEvent>) -> Result<(), Failure> {
        match heard {
            Some(RemoteEvent::Frame(Frame::Line(line))) => self.hear_line(line).await,
            Some(RemoteEvent::Frame(Frame::Oversized { .. })) => {
                complain("ostler: a message to the client was longer than 16 MiB and was left out\n");
            }
            Some(RemoteEvent::Failed { id, failure }) => self.hear_failure(&id, &failure).await,
            Some(RemoteEvent::Note(text)) => complain(&format!("ostler: {text}\n")),
            Some(RemoteEvent::Closed(reason)) => self.reconnect(&reason).await?,
            None => self.reconnect("the connection ended").await?,
        }
        Ok(())
    }

    async fn hear_line(&mut self, line: Bytes) {
        if self.retries > 0 {
            self.retries = 0;
            complain("ostler: Ostler is back\n");
        }
        if let Some(message) = Message::read(&line)
            && let (Some(id), None) = (message.id, &message.method)
        {
            if self.handshake.is_about(id) {
                return self.on_session(message.result, message.error).await;
            }
            if message.is_not_ready() && self.pending.retry(id.get(), None, Instant::now()) {
                return self.wait("Ostler is starting or stopping");
            }
            self.pending.remove(id.get());
        }
        self.output.write(line).await;
    }

    async fn hear_failure(&mut self, id: &RawValue, failure: &RemoteFailure) {
        let is_handshake = self.handshake.is_about(id);
        if *failure == RemoteFailure::SessionLost || is_handshake {
            self.handshake.lose();
        }
        if self.pending.retry(id.get(), Some(failure), Instant::now()) {
            return self.wait(&failure.to_string());
        }
        if !is_handshake {
            return self.refuse(id.get(), &failure.error()).await;
        }
        // Requests that wait for the session were not sent: they fail as it does, unless it may come about yet.
        for (id, _) in self.pending.take_again() {
            if !may_repeat(failure, true) || !self.pending.retry(&id, None, Instant::now()) {
                self.refuse(&id, &failure.error()).await;
            }
        }
        if self.pending.has_more() {
            self.wait(&failure.to_string());
        }
    }

    /// Answers a request with an error.
    async fn refuse(&mut self, id: &str, error: &RawValue) {
        self.pending.remove(id);
        self.output.write(Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#))).await;
    }

    /// Goes on where another session was begun in place of one that ended; the client knows nothing of it, but that its
    /// lists may be out of date.
    async fn on_session(&mut self, result: Option<&RawValue>, error: Option<&RawValue>) {
        if let Some(line) = self.handshake.complete(result.is_some()) {
            self.send(Some(line));
        }
        for line in result.map(handshake::list_changes).unwrap_or_default() {
            self.output.write(line).await;
        }
        match error {
            None => self.send_again(),
            Some(error) => {
                for (id, _) in self.pending.take_again() {
                    self.refuse(&id, error).await;
                }
            }
        }
    }

    /// Connects again after a connection has ended as a whole.
    async fn reconnect(&mut self, reason: &str) -> Result<(), Failure> {
        (self.sender, self.heard) = connect(&self.target)?;
        self.handshake.lose();
        let lost = format!("{reason}; the request may have been carried out, so repeat it only if that does no harm");
        for id in self.pending.interrupt() {
            self.refuse(&id, &mcp::error(502, &lost, None)).await;
        }
        if self.pending.has_more() {
            self.wait(reason);
        }
        Ok(())
    }

    /// Tries again after a while.
    fn wait(&mut self, reason: &str) {
        if self.retry_at.is_none() {
            if self.retries == 0 {
                complain(&format!("ostler: {reason}; trying again\n"));
            }
            let pause = RETRY_PAUSE.saturating_mul(2_u32.saturating_pow(self.retries)).min(RETRY_PAUSE_MAX);
            self.retry_at = Some(Instant::now() + pause);
            self.retries = self.retries.saturating_add(1);
        }
    }

    /// Tries now, where there is no session with the handshake alone.
    fn retry(&mut self) {
        self.retry_at = None;
        match self.handshake.repeat() {
            Some(line) => drop(self.send(Some(line))),
            None => self.send_again(),
        }
    }

    fn send_again(&mut self) {
        for (id, line) in self.pending.take_again() {
            if self.send(Some(line)).is_some() {
                self.pending.postpone(&id);
            }
        }
        if self.pending.has_more() {
            self.wait("more requests wait than can be sent");
        }
    }
}

fn connect(target: &RemoteTarget) -> Result<(LineSender, mpsc::Receiver<RemoteEvent>), Failure> {
    remote::connect(target, &Arc::default()).map_err(Failure::Failed)
}
