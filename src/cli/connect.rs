//! `ostler connect`: Ostler's MCP endpoint on standard input and output, for clients that only start programs.

mod pipes;

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use clap::Command as Clap;
use ostler::{
    mcp::Frame,
    model::Remote,
    supervisor::{
        RemoteTarget,
        remote::{self, LineSender, RemoteEvent},
    },
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::cli::{
    failure::Failure,
    place::{self, ConnectionTarget, KEY_VARIABLE},
    standard_error::complain,
};

/// Time for requests in flight once standard input has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// Time for Ostler to end the session.
const FAREWELL: Duration = Duration::from_secs(3);

/// Between two tries to send a line while others wait.
const BUSY: Duration = Duration::from_millis(5);

/// The command.
pub(crate) fn definition() -> Clap {
    Clap::new("connect")
        .about("Offer Ostler's MCP servers on standard input and output, to clients that only start programs")
        .args(place::arguments())
        .after_help(format!(
            "The environment holds an API key in {KEY_VARIABLE}; `ostler client-config` writes the client's configuration. \
             Either era of MCP goes through as the client speaks it. Exit codes: 0 the client is done, 1 failed, 64 bad usage."
        ))
}

/// Passes lines on until standard input ends.
pub(crate) fn run(place: &ConnectionTarget) -> Result<(), Failure> {
    let key = std::env::var(KEY_VARIABLE).unwrap_or_default();
    if key.is_empty() {
        let next = "make one with POST /api/auth/keys and set it in the configuration of the client that starts this";
        return Err(Failure::Misconfigured(format!("{KEY_VARIABLE} holds no API key; {next}")));
    }
    actix::System::new().block_on(async {
        let url = place.endpoint(&key).await?;
        let headers = [("Authorization".to_owned(), format!("Bearer {key}"))].into();
        let target = RemoteTarget {
            remote: Remote { url, headers },
            private_addresses: true,
            authority: remote::Authority::default(),
        };
        let (sender, heard) = remote::connect(&target, &Arc::default()).map_err(Failure::Failed)?;
        let (lines, input) = (pipes::input(), pipes::StandardOutput::open());
        StdioRelay { sender, heard, lines, output: input, open: HashSet::new() }.run().await
    })
}

/// A client on one side, Ostler on the other.
struct StdioRelay {
    sender: LineSender,
    heard: mpsc::Receiver<RemoteEvent>,
    lines: mpsc::Receiver<Frame>,
    output: pipes::StandardOutput,
    /// Requests of the client that were not answered, by id.
    open: HashSet<String>,
}

/// A message, read as far as it takes to know a request from others.
#[derive(Deserialize)]
struct ClientEnvelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<IgnoredAny>,
}

impl StdioRelay {
    async fn run(mut self) -> Result<(), Failure> {
        let failed = |error| Failure::of("listen for signals", &error);
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        // A line that could not be sent yet, and when to give up waiting for answers once there are no more.
        let (mut waiting, mut end) = (None, None);
        while end.is_none() || !self.open.is_empty() {
            tokio::select! {
                frame = self.lines.recv(), if waiting.is_none() && end.is_none() => match frame {
                    Some(frame) => waiting = self.take(frame)?,
                    None => end = Some(Instant::now() + LAST_ANSWERS),
                },
                () = sleep(BUSY), if waiting.is_some() => waiting = self.send(waiting.take())?,
                heard = self.heard.recv() => self.hear(heard).await?,
                () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => break,
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
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
    fn take(&mut self, frame: Frame) -> Result<Option<Bytes>, Failure> {
        match frame {
            Frame::Line(line) => {
                if let Ok(ClientEnvelope { id: Some(id), method: Some(_) }) = serde_json::from_slice(&line) {
                    self.open.insert(id.get().to_owned());
                }
                self.send(Some(line))
            }
            Frame::Oversized { .. } => {
                complain("ostler: a message of the client was longer than 16 MiB and was left out\n");
                Ok(None)
            }
        }
    }

    fn send(&self, line: Option<Bytes>) -> Result<Option<Bytes>, Failure> {
        let Some(line) = line else { return Ok(None) };
        match self.sender.send(line.clone()) {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(Some(line)),
            // The end is reported, with its reason, by the messages still to be received.
            Err(_) => Ok(None),
        }
    }

    async fn hear(&mut self, heard: Option<RemoteEvent>) -> Result<(), Failure> {
        match heard {
            Some(RemoteEvent::Frame(Frame::Line(line))) => {
                if let Ok(ClientEnvelope { id: Some(id), method: None }) = serde_json::from_slice(&line) {
                    self.open.remove(id.get());
                }
                self.output.write(line).await;
            }
            Some(RemoteEvent::Frame(Frame::Oversized { .. })) => {
                complain("ostler: a message to the client was longer than 16 MiB and was left out\n");
            }
            Some(RemoteEvent::Failed { id, failure }) => {
                self.open.remove(id.get());
                let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{}}}"#, failure.error());
                self.output.write(Bytes::from(line)).await;
            }
            Some(RemoteEvent::Note(text)) => complain(&format!("ostler: {text}\n")),
            Some(RemoteEvent::Closed(reason)) => return Err(lost(&reason)),
            None => return Err(lost("the connection ended")),
        }
        Ok(())
    }
}

fn lost(reason: &str) -> Failure {
    Failure::Failed(format!("{reason}; the client has to start this program again to go on"))
}
