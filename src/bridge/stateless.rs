//! Stateless clients: what a server of the older era asks in the middle of a request becomes the answer to it, and the
//! request waits until the client sends it again with answers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::time::{Instant, sleep_until};

use super::{
    fault, notifications,
    relayed_request::{Exchange, Step, progress_token},
    request_in_flight::RequestInFlight,
    suspended_requests::{self, Ticket},
};
use crate::{
    bridge::{Conversation, Outcome, Outlet},
    error::Result,
    mcp::{
        self, Era, Request,
        convert::{self, Demand, Question},
        is_legacy, tool_error_text,
    },
    runtime::{Offer, Said},
    supervisor::messages::{Asked, Note},
};

/// How long further questions are waited for, once there is one.
const COLLECTING: Duration = Duration::from_millis(20);

/// Questions of one request that wait for answers.
const MOST_QUESTIONS: usize = 64;

/// Has a server answer a stateless client.
pub(super) async fn relay(
    conversation: &Arc<Conversation>,
    offer: &Offer,
    request: Arc<Request>,
    outlet: &Outlet,
) -> Outcome {
    let is_older = offer.catalogue.as_ref().is_some_and(|catalogue| is_legacy(&catalogue.version));
    let ticket = Ticket::new(conversation, offer.id, Arc::clone(&request));
    let answers = convert::parse_responses(&request.params);
    let token = progress_token(&request);
    let work = match request.params.text("requestState") {
        Some(state) if is_older || suspended_requests::is_ours(&state) => ticket.redeem(conversation, &state)?,
        Some(_) | None => None,
    };
    let work = work.unwrap_or_else(|| RequestInFlight {
        exchange: Exchange::begin(conversation, offer, fresh(request, is_older), token.clone()),
        open: BTreeMap::new(),
        refused: None,
    });
    Round { conversation, offer, ticket, token, outlet }.play(work, answers).await
}

/// A request as a server of the older era gets it at first: without what is said to the newer one about questions.
fn fresh(mut request: Arc<Request>, is_older: bool) -> Arc<Request> {
    for name in ["inputResponses", "requestState"] {
        if is_older && request.params.get(name).is_some() {
            Arc::make_mut(&mut request).params.remove(name);
        }
    }
    request
}

/// From a request of the client's to its answer.
struct Round<'a> {
    conversation: &'a Arc<Conversation>,
    offer: &'a Offer,
    ticket: Ticket,
    token: Option<Arc<RawValue>>,
    outlet: &'a Outlet,
}

impl Round<'_> {
    async fn play(self, mut work: RequestInFlight, mut answers: BTreeMap<String, Arc<RawValue>>) -> Outcome {
        work.exchange.set_waiting(false);
        work.settle(&mut answers);
        let mut until = (!work.open.is_empty()).then(|| Instant::now() + COLLECTING);
        loop {
            let step = tokio::select! {
                biased;
                step = work.exchange.next() => step,
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => return self.park(work),
            };
            match step {
                Step::Note(Note::Told { method, params }) => {
                    notifications::pass_on(
                        self.conversation,
                        self.outlet,
                        self.token.as_ref(),
                        &method,
                        params.as_ref(),
                    )
                    .await;
                }
                Step::Note(Note::Asked(asked)) => {
                    self.hear(&mut work, asked);
                    work.settle(&mut answers);
                    until = (!work.open.is_empty()).then(|| until.unwrap_or_else(|| Instant::now() + COLLECTING));
                }
                Step::Answer(said) => return self.answer(said, work.refused),
            }
        }
    }

    /// Takes a question in, if the client may be asked it; otherwise the server is refused.
    fn hear(&self, work: &mut RequestInFlight, asked: Asked) {
        let Some(demand) = Demand::of(&asked.method, asked.params.as_deref()) else { return };
        if !demand.is_met_by(&self.conversation.client().capabilities) {
            work.refused = Some(demand);
            return;
        }
        if work.open.len() < MOST_QUESTIONS {
            let key = serde_json::from_str(asked.id.get()).unwrap_or_else(|_| asked.id.get().to_owned());
            let question = Question { method: asked.method.clone(), params: asked.params.clone() };
            work.open.insert(key, (question, asked));
        }
    }

    /// Has the client asked, and keeps the request until it comes back.
    fn park(self, mut work: RequestInFlight) -> Outcome {
        let asked: Vec<_> = work.open.iter().map(|(key, (question, _))| (key.clone(), question.clone())).collect();
        work.exchange.set_waiting(true);
        let state = self.ticket.park(self.conversation, Some(work))?;
        let questions = asked.iter().map(|(key, question)| (key.as_str(), question));
        Ok(convert::required(questions, &state, self.info().as_ref()))
    }

    fn answer(self, said: Result<Said>, refused: Option<Demand>) -> Outcome {
        let Said { outcome, era, .. } = said.map_err(fault::of_error)?;
        match (era, outcome) {
            (Era::Modern, outcome) => outcome,
            (Era::Legacy, Ok(result)) => {
                if let Some(demand) = refused.filter(|_| tool_error_text(&result).is_some()) {
                    return Err(missing(demand));
                }
                Ok(convert::result_to_modern(self.ticket.method(), &result, self.info().as_ref()))
            }
            (Era::Legacy, Err(error)) => self.refuse(&error, refused),
        }
    }

    /// An error of an older server's, as far as it cannot be mended by asking the client.
    fn refuse(self, error: &Arc<RawValue>, refused: Option<Demand>) -> Outcome {
        let pages = convert::url_elicitations(error);
        let demand = if pages.is_empty() { refused } else { Some(Demand::Page) };
        let Some(demand) = demand else { return Err(convert::error_to_modern(error)) };
        if pages.is_empty() || !demand.is_met_by(&self.conversation.client().capabilities) {
            return Err(missing(demand));
        }
        // Once the user has been there, the request is sent anew.
        let state = self.ticket.park(self.conversation, None)?;
        let questions = pages.iter().map(|(key, question)| (key.as_str(), question));
        Ok(convert::required(questions, &state, self.info().as_ref()))
    }

    fn info(&self) -> Option<Arc<RawValue>> {
        convert::server_info(&self.offer.catalogue.as_ref()?.greeting)
    }
}

/// The server needs to ask something that the client does not answer (2026-07-28, basic/index#error-codes).
fn missing(demand: Demand) -> Arc<RawValue> {
    let data = format!(r#"{{"requiredCapabilities":{}}}"#, demand.capabilities());
    let data = RawValue::from_string(data).ok();
    mcp::error(-32021, "the server needs a capability that the client did not declare", data.as_deref())
}
