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

use crate::{
    error::Result,
    http::mcp::conversation::Conversation,
    mcp::Request,
    model::ServerId,
    runtime::{Ask, Said},
    supervisor::messages::{Follower, Note},
};

/// Notes on their way to a client; a server that says more is not slowed down, what does not fit is left out.
const BACKLOG: usize = 64;

/// A request under way. Dropping it cancels the request.
pub(super) struct Exchange {
    answer: Pin<Box<dyn Future<Output = Result<Said>> + Send>>,
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
    pub fn begin(conversation: &Conversation, server: ServerId, request: Request, timeout: Option<Duration>) -> Self {
        let client = conversation.client();
        let (sender, notes) = mpsc::channel(BACKLOG);
        let (token, waits) = (progress_token(&request), Arc::default());
        let follower = Some(Follower { token, owner: client.session, waits: Arc::clone(&waits), notes: sender });
        let (runtime, who) = (conversation.runtime.clone(), Arc::clone(&conversation.who));
        let ask = Ask { request, client, timeout, follower };
        let answer = Box::pin(async move { runtime.ask(&who, server, ask).await });
        Self { answer, waits, notes, said: None, late: VecDeque::new() }
    }

    /// Says whether the request waits for its client.
    pub fn set_waiting(&self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
    }

    /// Waits for what happens next. May be dropped and called again without loss.
    pub async fn next(&mut self) -> Step {
        if self.said.is_none() {
            tokio::select! {
                biased;
                Some(note) = self.notes.recv() => return Step::Note(note),
                said = &mut self.answer => self.said = Some(said),
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

/// The token by which the client knows the progress of a request.
pub(super) fn progress_token(request: &Request) -> Option<Arc<RawValue>> {
    request.meta().get("progressToken").cloned()
}
