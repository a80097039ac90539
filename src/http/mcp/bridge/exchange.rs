//! One request under way at a server: what it says before it answers, then its answer.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::patience::Patience;
use crate::{
    error::{Error, Result},
    http::mcp::conversation::Conversation,
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
    /// Sends `request` to a server for the client of a conversation.
    ///
    /// The usual deadline holds; where the server may ask somebody who needs to think, without the time that takes.
    pub fn begin(conversation: &Conversation, offer: &Offer, request: Request) -> Self {
        let server = offer.id;
        let (timeout, patience) = match offer.isolation {
            Isolation::Shared => (None, None),
            Isolation::PerUser | Isolation::PerSession => {
                (Some(LONGEST_DEADLINE), Some(Patience::of(conversation.runtime.call_timeout())))
            }
        };
        let client = conversation.client();
        let (sender, notes) = mpsc::channel(BACKLOG);
        let (token, waits) = (progress_token(&request), Arc::default());
        let (owner, capabilities) = (client.session, Arc::clone(&client.capabilities));
        let follower = Some(Follower { token, owner, waits: Arc::clone(&waits), capabilities, notes: sender });
        let (runtime, who) = (conversation.runtime.clone(), Arc::clone(&conversation.who));
        let ask = Ask { request, client, timeout, follower };
        let answer = Box::pin(async move { runtime.ask(&who, server, ask).await });
        Self { answer, patience, waits, notes, said: None, late: VecDeque::new() }
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

    /// Waits for what happens next. May be dropped and called again without loss.
    pub async fn next(&mut self) -> Step {
        if self.said.is_none() {
            tokio::select! {
                biased;
                Some(note) = self.notes.recv() => return Step::Note(note),
                said = &mut self.answer => self.said = Some(said),
                late = runs_out(self.patience.as_ref()) => self.said = Some(Err(Error::CallTimeout(late))),
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

/// Completes with the deadline when it has passed; never where there is none.
async fn runs_out(patience: Option<&Patience>) -> Duration {
    match patience {
        Some(patience) => {
            patience.ends().await;
            patience.limit()
        }
        None => std::future::pending().await,
    }
}

/// The token by which the client knows the progress of a request.
pub(super) fn progress_token(request: &Request) -> Option<Arc<RawValue>> {
    request.meta().get("progressToken").cloned()
}
