//! Requests of a server to its clients. Each of them is answered in the end.
//!
//! A shared process declares no capabilities and is refused at once. From an exclusive one a request (sampling,
//! elicitation, roots) goes to the oldest request of a client that declared it and has none open, else to the oldest
//! with a follower, else to the reader of the link's questions. An [`Asked`] that is dropped refuses, and so does the
//! actor before it closes standard input.
//!
//! A process that exists for its lists and health alone (`Sharing::Listing`) counts as shared, yet declares
//! capabilities that it may not use: servers hide tools from clients that cannot be asked.

use std::sync::Arc;

use actix::{Context, Handler};
use serde_json::value::RawValue;

use crate::{
    mcp::{self, Era},
    supervisor::{
        messages::{Answered, Asked},
        server::{Phase, ServerActor},
    },
};

/// Questions of one process that may be open at once.
const MOST_OPEN: usize = 64;

impl ServerActor {
    /// A process of one user or session may make requests; those of a shared one are refused, as they name no client.
    pub(super) fn asked(&mut self, id: &RawValue, method: &str, params: Option<&RawValue>) {
        if method == "ping" {
            return self.write_if_possible(mcp::answer(id));
        }
        let is_new = !self.open_questions.contains_key(id.get());
        if !self.may_ask() || (is_new && self.open_questions.len() >= MOST_OPEN) {
            return self.write_if_possible(mcp::method_not_found(id, method));
        }
        let (id, params): (Arc<RawValue>, _) =
            (Arc::from(id.to_owned()), params.map(|params| Arc::from(params.to_owned())));
        // A server that uses an id again waits for no other answer to it.
        self.open_questions.insert(id.get().into(), (id.clone(), method.to_owned()));
        let asked = Asked::new(self.instance.generation, self.instance.answers(), id, method.to_owned(), params);
        if let Some(asked) = self.requests.ask(asked) {
            self.link.questions.put(asked);
        }
    }

    /// Servers of the newer era ask in their results (2026-07-28, basic/patterns/mrtr).
    fn may_ask(&self) -> bool {
        self.is_exclusive() && self.instance.era() == Era::Legacy && self.phase != Phase::Stopping
    }

    /// The server wants no answer any more.
    pub(super) fn question_cancelled(&mut self, id: &RawValue) {
        self.open_questions.remove(id.get());
    }

    /// Refuses whatever is open: a server may wait for its answers before it ends.
    pub(super) fn refuse_questions(&mut self) {
        for (id, method) in std::mem::take(&mut self.open_questions).into_values() {
            self.write_if_possible(mcp::method_not_found(&id, &method));
        }
        self.link.questions.clear(self.instance.generation);
    }
}

impl Handler<Answered> for ServerActor {
    type Result = ();

    fn handle(&mut self, answered: Answered, _: &mut Context<Self>) {
        let id = answered.id.get();
        if self.open_questions.get(id).is_some_and(|(open, _)| Arc::ptr_eq(open, &answered.id)) {
            self.open_questions.remove(id);
            self.write_if_possible(answered.line);
        }
    }
}
