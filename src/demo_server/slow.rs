//! Calls that wait, each on a thread of its own, until their time is over or their client cancels them.

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::value::RawValue;

use crate::demo_server::{call::Call, message, style::Style};

/// In how many parts a wait is reported.
const STEPS: u32 = 10;

/// A thread that waits needs little.
const STACK: usize = 64 * 1024;

/// The calls that wait, by id as it was written.
#[derive(Clone, Default)]
pub(crate) struct SlowCalls {
    cancels: Arc<Mutex<HashMap<String, Sender<()>>>>,
}

impl SlowCalls {
    /// Answers `call` after `wait`, and reports progress where the client asked for it.
    pub(crate) fn sleep(&self, call: &Call<'_>, wait: Duration) -> io::Result<()> {
        let (cancel, cancelled) = mpsc::channel();
        let sleeper = Sleeper {
            id: call.id.to_owned(),
            token: call.token.map(ToOwned::to_owned),
            style: call.style,
            wait,
            cancelled,
            calls: self.clone(),
        };
        self.cancels.lock().insert(call.id.get().to_owned(), cancel);
        thread::Builder::new().stack_size(STACK).spawn(move || sleeper.run())?;
        Ok(())
    }

    /// Wakes the call with this id, which then says nothing more.
    pub(crate) fn cancel(&self, id: &RawValue) {
        self.cancels.lock().remove(id.get());
    }

    /// Ends a call; true when it may still be answered, for at most one caller per id.
    fn finish(&self, id: &RawValue) -> bool {
        self.cancels.lock().remove(id.get()).is_some()
    }
}

/// One call that waits.
struct Sleeper {
    id: Box<RawValue>,
    token: Option<Box<RawValue>>,
    style: Style,
    wait: Duration,
    cancelled: Receiver<()>,
    calls: SlowCalls,
}

impl Sleeper {
    fn run(self) {
        let slept = match &self.token {
            None => self.pause(self.wait),
            Some(token) => (1..=STEPS).all(|step| {
                let slept = self.pause(self.wait / STEPS);
                slept && write(message::progress(token, step, STEPS).as_bytes())
            }),
        };
        if slept && self.calls.finish(&self.id) {
            let mut line = Vec::new();
            let call = Call { id: &self.id, arguments: "{}", token: None, style: self.style };
            let text = message::string(&format!("slept {} ms", self.wait.as_millis()));
            message::content(&mut line, &call, &text, None);
            write(&line);
        }
    }

    /// Waits; `false` where the call was cancelled meanwhile.
    fn pause(&self, time: Duration) -> bool {
        // A cancelled call's sender is dropped, which ends the wait.
        matches!(self.cancelled.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }
}

/// Writes whole lines; `false` where the client is gone.
fn write(lines: &[u8]) -> bool {
    let mut stdout = io::stdout().lock();
    stdout.write_all(lines).and_then(|()| stdout.flush()).is_ok()
}
