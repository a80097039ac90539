//! [`Interrupt`]: Ctrl-C, after which everything is still stopped and removed.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::expectation::Failure;

/// Signals that ask this program to end.
pub struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupt {
    /// Listens for them; from now on they do not end this program by themselves.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Carries out a step until one of them comes.
    pub async fn cut_short<T>(&mut self, step: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let name = tokio::select! {
            outcome = step => return outcome,
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        };
        Err(Failure::new("the step to end", name))
    }
}
