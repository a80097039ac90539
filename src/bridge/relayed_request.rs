//! One request under way at a server: what it says before it answers, then its answer.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use super::server_deadline::Patience;
use crate::{
    bridge::Conversation,
    error::{Error, Result},
    mcp::Request,
    model::Isolation,
    policy::call::LONGEST_DEADLINE,
    runtime::{Ask, Offer, Said},
    supervisor::messages::{Follower, Note},
};

/// Notes on their way to a client; a server that says more is not slowed down, what does not fit is left out.
const BACKLOG: usize = 64;

/// A request under way. Dropping it cancels the request.
pub(super) struct Exchange {
    answer: Pin<Box<dyn Future<Output = Result<Said>> + Send>>,
    patience: Option<Patience>,
    /// Ends the request when patience has run out.
    expire: Option<oneshot::Sender<()>>,
    waits: Arc<AtomicBool>,
    notes: mpsc::Receiver<Note>,
    said: Option<Result<Said>>,
    late: VecDeque<Note>,
}

/// What happened.
pub(super) enum Step {
    /// The server said something about the request.
    Note(Note),
    /// It answered, or cannot be asked. Nothing comes after that.
    Answer(Result<Said>),
}

impl Exchange {
    /// Sends `request` to a server for the client of a conversation; `token` is its progress token.
    ///
    /// The usual deadline holds; where the server may ask somebody who needs to think, without the time that takes.
    pub fn begin(
        conversation: &Conversation,
        offer: &Offer,
        request: Arc<Request>,
        token: Option<Arc<RawValue>>,
    ) -> Self {
        let server = offer.id;
        let (timeout, patience) = match offer.isolation {
            Isolation::Shared => (None, None),
            Isolation::PerUser | Isolation::PerSession => {
                (Some(LONGEST_DEADLINE), Some(Patience::of(conversation.runtime.call_timeout())))
            }
        };
        let client = conversation.client();
        let (sender, notes) = mpsc::channel(BACKLOG);
        let waits = Arc::default();
        let (owner, capabilities) = (client.session, Arc::clone(&client.capabilities));
        let follower = Some(Follower { token, owner, waits: Arc::clone(&waits), capabilities, notes: sender });
        let (runtime, who) = (conversation.runtime.clone(), Arc::clone(&conversation.who));
        let (expire, expired) = patience.as_ref().map(|_| oneshot::channel()).unzip();
        let ask = Ask { request, client, timeout, expired, follower };
        let answer = Box::pin(async move { runtime.ask(&who, server, ask).await });
        Self { answer, patience, expire, waits, notes, said: None, late: VecDeque::new() }
    }

    /// Says whether the request waits for its client to come back.
    pub fn set_waiting(&mut self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
        self.pause(waits);
    }

    /// Says whether the server waits for the client, which takes none of the server's time.
    pub fn pause(&mut self, pause: bool) {
        if let Some(patience) = &mut self.patience {
            patience.pause(pause);
        }
    }

    /// An error as the client is to hear it: a deadline is the one it was held to.
    fn told(&self, error: Error) -> Error {
        match (error, &self.patience, &self.expire) {
            (Error::CallTimeout(_), Some(patience), None) => Error::CallTimeout(patience.limit()),
            (error, ..) => error,
        }
    }

    /// Waits for what happens next. May be dropped and called again without loss.
    pub async fn next(&mut self) -> Step {
        while self.said.is_none() {
            tokio::select! {
                biased;
                Some(note) = self.notes.recv() => return Step::Note(note),
                said = &mut self.answer => self.said = Some(said.map_err(|error| self.told(error))),
                () = runs_out(self.patience.as_ref()), if self.expire.is_some() => {
                    // The answer is then that it came too late, once that is on record.
                    let _ = self.expire.take().map(|expire| expire.send(()));
                }
            }
            // What it said before it answered is heard before the answer.
            while let Ok(note) = self.notes.try_recv() {
                self.late.push_back(note);
            }
        }
        if let Some(note) = self.late.pop_front() {
            return Step::Note(note);
        }
        match self.said.take() {
            Some(said) => Step::Answer(said),
            None => std::future::pending().await,
        }
    }
}

/// Completes when the deadline has passed; never where there is none.
async fn runs_out(patience: Option<&Patience>) {
    match patience {
        Some(patience) => patience.ends().await,
        None => std::future::pending().await,
    }
}

/// The token by which the client knows the progress of a request.
pub(super) fn progress_token(request: &Request) -> Option<Arc<RawValue>> {
    request.meta()?.get("progressToken").cloned()
}
