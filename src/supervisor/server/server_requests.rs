//! Requests of a server to its clients. Each of them is answered in the end.
//!
//! A shared process declares no capabilities and is refused at once. From an exclusive one a request (sampling,
//! elicitation, roots) goes to the oldest request of a client that declared it and has none open, else to the oldest
//! with a subscriber, else to the reader of the link's queue. A [`ServerRequest`] that is dropped refuses, and so does
//! the actor before it closes standard input.
//!
//! A process that exists for its lists and health alone (`Sharing::Listing`) counts as shared, yet declares
//! capabilities that it may not use: servers hide tools from clients that cannot be asked.

use std::sync::Arc;

use actix::{Context, Handler};
use serde_json::value::RawValue;

use crate::{
    mcp::{self, Era},
    supervisor::{
        messages::{AnswerServerRequest, ServerRequest},
        server::{ProcessPhase, ServerActor},
    },
};

/// Requests of one process that may be open at once.
const OPEN_SERVER_REQUESTS_MAX: usize = 64;

impl ServerActor {
    /// A process of one user or session may make requests; those of a shared one are refused, as they name no client.
    pub(super) fn on_server_request(&mut self, id: &RawValue, method: &str, params: Option<&RawValue>) {
        if method == "ping" {
            return self.write_if_possible(mcp::answer(id));
        }
        let is_new = !self.open_server_requests.contains_key(id.get());
        if !self.may_make_requests() || (is_new && self.open_server_requests.len() >= OPEN_SERVER_REQUESTS_MAX) {
            return self.write_if_possible(mcp::method_not_found(id, method));
        }
        let (id, params): (Arc<RawValue>, _) =
            (Arc::from(id.to_owned()), params.map(|params| Arc::from(params.to_owned())));
        // A server that uses an id again waits for no other answer to it.
        self.open_server_requests.insert(id.get().into(), (id.clone(), method.to_owned()));
        let request =
            ServerRequest::new(self.instance.generation, self.instance.answers(), id, method.to_owned(), params);
        if let Some(request) = self.requests.route_server_request(request) {
            self.link.server_requests.push(request);
        }
    }

    /// Servers of the newer era ask in their results (2026-07-28, basic/patterns/mrtr).
    fn may_make_requests(&self) -> bool {
        self.is_exclusive() && self.instance.era() == Era::Legacy && self.phase != ProcessPhase::Stopping
    }

    /// The server wants no answer any more.
    pub(super) fn on_server_request_cancelled(&mut self, id: &RawValue) {
        self.open_server_requests.remove(id.get());
    }

    /// Refuses whatever is open: a server may wait for its answers before it ends.
    pub(super) fn refuse_server_requests(&mut self) {
        for (id, method) in std::mem::take(&mut self.open_server_requests).into_values() {
            self.write_if_possible(mcp::method_not_found(&id, &method));
        }
        self.link.server_requests.refuse_untaken(self.instance.generation);
    }
}

impl Handler<AnswerServerRequest> for ServerActor {
    type Result = ();

    fn handle(&mut self, answered: AnswerServerRequest, _: &mut Context<Self>) {
        let id = answered.id.get();
        if self.open_server_requests.get(id).is_some_and(|(open, _)| Arc::ptr_eq(open, &answered.id)) {
            self.open_server_requests.remove(id);
            self.write_if_possible(answered.line);
        }
    }
}
