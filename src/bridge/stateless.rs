//! Relays requests of stateless clients: a request of a server of the older era becomes an `InputRequiredResult`, and
//! the client's request is suspended until the client sends it again with the responses.
//!
//! Each `requestState` is sealed with the user and a digest of the request, and good for one return. A process gets all
//! capabilities declared, and each of its requests is checked against what the client's request declared.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::time::{Instant, sleep_until};

use super::{
    fault, notifications,
    relayed_request::{RelayEvent, RelayedRequest, progress_token},
    request_in_flight::RequestInFlight,
    resumable_request::{self, ResumableRequest},
};
use crate::{
    bridge::{ClientSender, Conversation, RpcResult},
    calls::ServerResponse,
    error::Result,
    listings::ListedServer,
    mcp::{
        self, ClientMethod, Era, Request,
        convert::{self, Demand, Question},
        is_legacy, tool_error_text,
    },
    supervisor::messages::{RequestEvent, ServerRequest},
};

/// Time in which further questions are collected into one result.
const QUESTION_COLLECTION_WINDOW: Duration = Duration::from_millis(20);

/// Questions of one request that await a response: further ones are refused.
const OPEN_QUESTIONS_MAX: usize = 64;

/// Relays a request of a stateless client to a server.
pub(super) async fn relay(
    conversation: &Arc<Conversation>,
    listed: &ListedServer,
    request: Arc<Request>,
    sender: &ClientSender,
) -> RpcResult {
    let is_legacy_server = listed.listing.as_ref().is_some_and(|listing| is_legacy(&listing.version));
    let resumable = ResumableRequest::new(conversation, listed.id, Arc::clone(&request));
    let answers = convert::parse_responses(&request.params);
    let token = progress_token(&request);
    // A method that is not known is one of an extension, which may.
    let may_ask = ClientMethod::find(&request.method).is_none_or(|method| method.may_need_input);
    let work = match request.params.text("requestState") {
        Some(state) if is_legacy_server || resumable_request::is_sealed_state(&state) => {
            resumable.resume(conversation, &state)?
        }
        Some(_) | None => None,
    };
    let work = work.unwrap_or_else(|| RequestInFlight {
        relayed: RelayedRequest::begin(
            &conversation.runtime,
            &conversation.who,
            conversation.client(),
            listed,
            without_input(request, is_legacy_server),
            token.clone(),
        ),
        open: BTreeMap::new(),
        refused: None,
    });
    RequestRound { conversation, listed, resumable, token, may_ask, sender }.run(work, answers).await
}

/// Removes `inputResponses` and `requestState`, which servers of the older era do not know.
fn without_input(mut request: Arc<Request>, is_legacy_server: bool) -> Arc<Request> {
    for name in ["inputResponses", "requestState"] {
        if is_legacy_server && request.params.get(name).is_some() {
            Arc::make_mut(&mut request).params.remove(name);
        }
    }
    request
}

/// One round of a request: from the client's POST to its result.
struct RequestRound<'a> {
    conversation: &'a Arc<Conversation>,
    listed: &'a ListedServer,
    resumable: ResumableRequest,
    token: Option<Arc<RawValue>>,
    /// True where its result may be a question.
    may_ask: bool,
    sender: &'a ClientSender,
}

impl RequestRound<'_> {
    async fn run(self, mut work: RequestInFlight, mut answers: BTreeMap<String, Arc<RawValue>>) -> RpcResult {
        work.relayed.set_waiting(false);
        work.settle(&mut answers);
        let mut until = (!work.open.is_empty()).then(|| Instant::now() + QUESTION_COLLECTION_WINDOW);
        loop {
            let step = tokio::select! {
                biased;
                step = work.relayed.next() => step,
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => return self.suspend(work),
            };
            match step {
                RelayEvent::Server(RequestEvent::Notification { method, params }) => {
                    notifications::forward(
                        self.conversation,
                        self.sender,
                        self.token.as_ref(),
                        &method,
                        params.as_ref(),
                    )
                    .await;
                }
                RelayEvent::Server(RequestEvent::Request(server_request)) => {
                    self.collect(&mut work, server_request);
                    work.settle(&mut answers);
                    until = (!work.open.is_empty())
                        .then(|| until.unwrap_or_else(|| Instant::now() + QUESTION_COLLECTION_WINDOW));
                }
                RelayEvent::Answer(response) => return self.answer(response, work.refused),
            }
        }
    }

    /// Collects a server request that the client can answer; refuses any other by dropping it.
    fn collect(&self, work: &mut RequestInFlight, server_request: ServerRequest) {
        let Some(demand) = Demand::of(&server_request.method, server_request.params.as_deref()) else { return };
        if !self.may_ask {
            return;
        }
        if !demand.is_met_by(&self.conversation.client().capabilities) {
            work.refused = Some(demand);
            return;
        }
        if work.open.len() < OPEN_QUESTIONS_MAX {
            let key =
                serde_json::from_str(server_request.id.get()).unwrap_or_else(|_| server_request.id.get().to_owned());
            let question = Question { method: server_request.method.clone(), params: server_request.params.clone() };
            work.open.insert(key, (question, server_request));
        }
    }

    /// Returns the questions to the client, and suspends the request until it comes back.
    fn suspend(self, mut work: RequestInFlight) -> RpcResult {
        let open: Vec<_> = work.open.iter().map(|(key, (question, _))| (key.clone(), question.clone())).collect();
        work.relayed.set_waiting(true);
        let state = self.resumable.suspend(self.conversation, Some(work))?;
        let questions = open.iter().map(|(key, question)| (key.as_str(), question));
        Ok(convert::required(questions, &state, self.info().as_ref()))
    }

    fn answer(self, response: Result<ServerResponse>, refused: Option<Demand>) -> RpcResult {
        let ServerResponse { outcome, era, .. } = response.map_err(fault::of_error)?;
        match (era, outcome) {
            (Era::Modern, outcome) => outcome,
            (Era::Legacy, Ok(result)) => {
                if let Some(demand) = refused.filter(|_| tool_error_text(&result).is_some()) {
                    return Err(missing_capability(demand));
                }
                Ok(convert::result_to_modern(self.resumable.method(), &result, self.info().as_ref()))
            }
            (Era::Legacy, Err(error)) => self.refuse(&error, refused),
        }
    }

    /// Turns an error of a server of the older era into a question to the client where that may resolve it.
    fn refuse(self, error: &Arc<RawValue>, refused: Option<Demand>) -> RpcResult {
        let pages = convert::url_elicitations(error);
        let demand = if pages.is_empty() { refused } else { Some(Demand::Page) };
        let Some(demand) = demand else { return Err(convert::error_to_modern(error)) };
        if pages.is_empty() || !demand.is_met_by(&self.conversation.client().capabilities) {
            return Err(missing_capability(demand));
        }
        // Once the user has visited the pages, the client sends the request again.
        let state = self.resumable.suspend(self.conversation, None)?;
        let questions = pages.iter().map(|(key, question)| (key.as_str(), question));
        Ok(convert::required(questions, &state, self.info().as_ref()))
    }

    fn info(&self) -> Option<Arc<RawValue>> {
        convert::server_info(&self.listed.listing.as_ref()?.greeting)
    }
}

/// The server needs a capability that the client did not declare (2026-07-28, basic/index#error-codes).
fn missing_capability(demand: Demand) -> Arc<RawValue> {
    let data = format!(r#"{{"requiredCapabilities":{}}}"#, demand.capabilities());
    let data = RawValue::from_string(data).ok();
    mcp::error(-32021, "the server needs a capability that the client did not declare", data.as_deref())
}
