//! A stateless client's request in flight at a server of the legacy era, with the server requests that are open for it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::value::RawValue;

use super::relayed_request::RelayedRequest;
use crate::{
    mcp::convert::{Demand, Question},
    supervisor::messages::ServerRequest,
};

/// A request in flight. Dropping it cancels the request and refuses the server's requests.
pub(super) struct RequestInFlight {
    pub relayed: RelayedRequest,
    /// Questions without an answer, by the key under which the client answers.
    pub open: BTreeMap<String, (Question, ServerRequest)>,
    /// The demand that was refused because the client did not declare the capability for it.
    pub refused: Option<Demand>,
}

impl RequestInFlight {
    /// Sends the server the answers to its open requests, as far as `answers` has them.
    pub(super) fn settle(&mut self, answers: &mut BTreeMap<String, Arc<RawValue>>) {
        let fits = |key: &String, (question, _): &mut (Question, ServerRequest)| {
            answers.get(key).is_some_and(|answer| question.is_answered_by(answer))
        };
        let answered: Vec<_> = self.open.extract_if(.., fits).collect();
        for (key, (_, server_request)) in answered {
            if let Some(answer) = answers.remove(&key) {
                server_request.answer(Ok(&answer));
            }
        }
    }
}
