//! Relays requests of clients with a session: server requests are forwarded to the client at once.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use serde_json::value::RawValue;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    fault, notifications,
    relayed_request::{RelayEvent, RelayedRequest, progress_token},
};
use crate::{
    bridge::{ClientSender, Conversation, RpcResult},
    calls::ServerResponse,
    error::Result,
    listings::ListedServer,
    mcp::{
        Era, Members, Request,
        convert::{self, Demand, InputRequired, Question},
    },
    revocation::RequiredRight,
    supervisor::messages::{RequestEvent, ServerRequest},
};

/// Rounds of input that a stateless server may require for one request: more look like a loop.
const INPUT_ROUNDS_MAX: usize = 8;

/// Time a client has to respond to a server request: a person may have to think.
const CLIENT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(600);

/// Relays a request of a client with a session to a server.
pub(super) async fn relay(
    conversation: &Arc<Conversation>,
    listed: &ListedServer,
    mut request: Arc<Request>,
    sender: &ClientSender,
) -> RpcResult {
    for _ in 0..INPUT_ROUNDS_MAX {
        let response = send_once(conversation, listed, Arc::clone(&request), sender).await.map_err(fault::of_error)?;
        let result = match (response.era, response.outcome) {
            (Era::Legacy, outcome) => return outcome,
            (Era::Modern, outcome) => outcome?,
        };
        let Some(input) = InputRequired::read(&result) else {
            return Ok(convert::result_to_legacy(&request.method, &result, || has_object_output(listed, &request)));
        };
        let input_responses = match input_responses(conversation, &input, sender).await {
            Ok(input_responses) => input_responses,
            // To a model a tool that failed says more than a request that did.
            Err(error) if request.method == "tools/call" => return Ok(failed_tool(&error)),
            Err(error) => return Err(error),
        };
        let params = &mut Arc::make_mut(&mut request).params;
        params.set("inputResponses", Arc::from(input_responses.to_raw()));
        match input.request_state {
            Some(state) => params.set("requestState", state),
            None => drop(params.remove("requestState")),
        }
    }
    Err(fault::internal("the server asked for more again and again, and was given up"))
}

/// Sends a request once, forwarding notifications and server requests until the response.
async fn send_once(
    conversation: &Arc<Conversation>,
    listed: &ListedServer,
    request: Arc<Request>,
    sender: &ClientSender,
) -> Result<ServerResponse> {
    let token = progress_token(&request);
    let Conversation { runtime, who, .. } = &**conversation;
    let mut relayed = RelayedRequest::begin(runtime, who, conversation.client(), listed, request, token.clone());
    let mut forwarding = FuturesUnordered::new();
    loop {
        relayed.pause(!forwarding.is_empty());
        let step = tokio::select! {
            biased;
            Some(()) = forwarding.next(), if !forwarding.is_empty() => continue,
            step = relayed.next() => step,
        };
        match step {
            RelayEvent::Server(RequestEvent::Notification { method, params }) => {
                notifications::forward(conversation, sender, token.as_ref(), &method, params.as_ref()).await;
            }
            RelayEvent::Server(RequestEvent::Request(server_request)) => {
                forwarding.push(forward_server_request(conversation, server_request, sender))
            }
            RelayEvent::Answer(response) => return response,
        }
    }
}

/// Forwards a server request to the client, where it declared the capability; refuses it otherwise by dropping it.
pub(super) async fn forward_server_request(
    conversation: &Conversation,
    server_request: ServerRequest,
    sender: &ClientSender,
) {
    let params = server_request.params.clone();
    if !is_declared(conversation, &server_request.method, params.as_deref()) {
        return;
    }
    if let Ok(Some(answer)) =
        timeout(CLIENT_RESPONSE_TIMEOUT, sender.request(&server_request.method, params.as_deref())).await
    {
        server_request.answer(answer.as_deref().map_err(AsRef::as_ref));
    }
}

/// Sends the client every input request of a stateless server at once, and collects the responses.
async fn input_responses(
    conversation: &Conversation,
    input: &InputRequired,
    sender: &ClientSender,
) -> Result<Members, Arc<RawValue>> {
    let one = async |question: &Question| {
        if !is_declared(conversation, &question.method, question.params.as_deref()) {
            return Err(fault::internal(&format!("the client did not declare that it answers {}", question.method)));
        }
        let params = legacy_params(question);
        let answer = timeout(CLIENT_RESPONSE_TIMEOUT, sender.request(&question.method, params.as_deref()));
        match conversation
            .runtime
            .revocation()
            .while_permitted(&conversation.who, RequiredRight::Credential, answer)
            .await
        {
            Err(error) => Err(fault::of_error(error)),
            Ok(Ok(Some(answer))) => answer,
            Ok(Ok(None) | Err(_)) => Err(fault::internal(&format!("the client did not answer {}", question.method))),
        }
    };
    let responses = join_all(input.input_requests.values().map(one)).await;
    let mut input_responses = Members::default();
    for (key, answer) in input.input_requests.keys().zip(responses) {
        input_responses.set(key, answer?);
    }
    Ok(input_responses)
}

fn is_declared(conversation: &Conversation, method: &str, params: Option<&RawValue>) -> bool {
    Demand::of(method, params).is_some_and(|demand| demand.is_met_by(&conversation.client().capabilities))
}

/// Parameters of an input request for a client of the older era, where a URL elicitation has an id.
fn legacy_params(question: &Question) -> Option<Arc<RawValue>> {
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

/// True where the called tool's output schema is an object, or unknown.
fn has_object_output(listed: &ListedServer, request: &Request) -> bool {
    let name = request.params.text("name");
    let tools = listed.listing.iter().flat_map(|listing| listing.tools.iter());
    let mut called = tools.filter(|tool| convert::name(tool) == name);
    called.next().is_none_or(|tool| convert::has_object_output(tool))
}

/// A tool result with the error's message: a model learns more from it than from a failed request.
fn failed_tool(error: &RawValue) -> Arc<RawValue> {
    let message = Members::parse(error).ok().and_then(|error| error.text("message")).unwrap_or_default();
    let text = serde_json::Value::from(message);
    let result = format!(r#"{{"content":[{{"type":"text","text":{text}}}],"isError":true}}"#);
    Arc::from(RawValue::from_string(result).unwrap_or_else(|_| RawValue::NULL.to_owned()))
}
