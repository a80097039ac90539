//! Clients with a session: what a server asks is asked of them at once, in requests, and the answers are sent to it.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use serde_json::value::RawValue;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    fault, notifications,
    relayed_request::{Exchange, Step, progress_token},
};
use crate::{
    bridge::{Conversation, Outcome, Outlet},
    error::Result,
    mcp::{
        Era, Members, Request,
        convert::{self, Demand, InputRequired, Question},
    },
    runtime::{Needs, Offer, Said},
    supervisor::messages::{Asked, Note},
};

/// How often a stateless server may want one request sent again.
const ROUNDS: usize = 8;

/// How long a client has to answer a question.
const PATIENCE: Duration = Duration::from_secs(600);

/// Has a server answer a client with a session.
pub(super) async fn relay(
    conversation: &Arc<Conversation>,
    offer: &Offer,
    mut request: Arc<Request>,
    outlet: &Outlet,
) -> Outcome {
    for _ in 0..ROUNDS {
        let said = carry(conversation, offer, Arc::clone(&request), outlet).await.map_err(fault::of_error)?;
        let result = match (said.era, said.outcome) {
            (Era::Legacy, outcome) => return outcome,
            (Era::Modern, outcome) => outcome?,
        };
        let Some(input) = InputRequired::read(&result) else {
            return Ok(convert::result_to_legacy(&request.method, &result, || has_object_output(offer, &request)));
        };
        let answers = match answers(conversation, &input, outlet).await {
            Ok(answers) => answers,
            // To a model a tool that failed says more than a request that did.
            Err(error) if request.method == "tools/call" => return Ok(failed_tool(&error)),
            Err(error) => return Err(error),
        };
        let params = &mut Arc::make_mut(&mut request).params;
        params.set("inputResponses", Arc::from(answers.to_raw()));
        match input.request_state {
            Some(state) => params.set("requestState", state),
            None => drop(params.remove("requestState")),
        }
    }
    Err(fault::internal("the server asked for more again and again, and was given up"))
}

/// Sends a request once; until it is answered, passes on what the server says and asks.
async fn carry(
    conversation: &Arc<Conversation>,
    offer: &Offer,
    request: Arc<Request>,
    outlet: &Outlet,
) -> Result<Said> {
    let token = progress_token(&request);
    let mut exchange = Exchange::begin(conversation, offer, request, token.clone());
    let mut asking = FuturesUnordered::new();
    loop {
        exchange.pause(!asking.is_empty());
        let step = tokio::select! {
            biased;
            Some(()) = asking.next(), if !asking.is_empty() => continue,
            step = exchange.next() => step,
        };
        match step {
            Step::Note(Note::Told { method, params }) => {
                notifications::pass_on(conversation, outlet, token.as_ref(), &method, params.as_ref()).await;
            }
            Step::Note(Note::Asked(asked)) => asking.push(put(conversation, asked, outlet)),
            Step::Answer(said) => return said,
        }
    }
}

/// Puts a server's question to the client. What the client did not declare, it is not asked.
pub(super) async fn put(conversation: &Conversation, asked: Asked, outlet: &Outlet) {
    let params = asked.params.clone();
    if !may_be_asked(conversation, &asked.method, params.as_deref()) {
        return;
    }
    if let Ok(Some(answer)) = timeout(PATIENCE, outlet.ask(&asked.method, params.as_deref())).await {
        asked.answer(answer.as_deref().map_err(AsRef::as_ref));
    }
}

/// Asks the client everything that a stateless server wants to know, at the same time.
async fn answers(
    conversation: &Conversation,
    input: &InputRequired,
    outlet: &Outlet,
) -> Result<Members, Arc<RawValue>> {
    let one = async |question: &Question| {
        if !may_be_asked(conversation, &question.method, question.params.as_deref()) {
            return Err(fault::internal(&format!("the client did not declare that it answers {}", question.method)));
        }
        let params = asked_before_2026(question);
        let answer = timeout(PATIENCE, outlet.ask(&question.method, params.as_deref()));
        match conversation.runtime.while_permitted(&conversation.who, Needs::Credential, answer).await {
            Err(error) => Err(fault::of_error(error)),
            Ok(Ok(Some(answer))) => answer,
            Ok(Ok(None) | Err(_)) => Err(fault::internal(&format!("the client did not answer {}", question.method))),
        }
    };
    let said = join_all(input.input_requests.values().map(one)).await;
    let mut answers = Members::default();
    for (key, answer) in input.input_requests.keys().zip(said) {
        answers.set(key, answer?);
    }
    Ok(answers)
}

fn may_be_asked(conversation: &Conversation, method: &str, params: Option<&RawValue>) -> bool {
    Demand::of(method, params).is_some_and(|demand| demand.is_met_by(&conversation.client().capabilities))
}

/// The parameters of a question as an older client reads them: a page to visit has an id there.
fn asked_before_2026(question: &Question) -> Option<Arc<RawValue>> {
    let params = question.params.clone()?;
    if Demand::of(&question.method, Some(&params)) != Some(Demand::Page) {
        return Some(params);
    }
    let mut members = Members::parse(&params).ok()?;
    if members.get("elicitationId").is_none() {
        let id = format!("\"{}\"", Uuid::new_v4());
        members.set("elicitationId", Arc::from(RawValue::from_string(id).ok()?));
    }
    Some(Arc::from(members.to_raw()))
}

/// Whether the tool that a request calls says that it gives an object.
fn has_object_output(offer: &Offer, request: &Request) -> bool {
    let name = request.params.text("name");
    let tools = offer.catalogue.iter().flat_map(|catalogue| catalogue.tools.iter());
    let mut called = tools.filter(|tool| convert::name(tool) == name);
    called.next().is_none_or(|tool| convert::has_object_output(tool))
}

/// A result that tells a model what went wrong.
fn failed_tool(error: &RawValue) -> Arc<RawValue> {
    let message = Members::parse(error).ok().and_then(|error| error.text("message")).unwrap_or_default();
    let text = serde_json::Value::from(message);
    let result = format!(r#"{{"content":[{{"type":"text","text":{text}}}],"isError":true}}"#);
    Arc::from(RawValue::from_string(result).unwrap_or_else(|_| RawValue::NULL.to_owned()))
}
