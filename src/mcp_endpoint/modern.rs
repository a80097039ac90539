//! Requests of the newer era: each stands for itself, and lasts as long as its client waits for the answer.

use std::{pin::Pin, sync::Arc, time::Duration};

use actix_web::HttpRequest;
use bytes::Bytes;
use futures_util::stream;
use uuid::Uuid;

use super::{
    caller::McpCaller,
    classify, headers,
    json_rpc_id::JsonRpcId,
    message::ClientMessage,
    params,
    refusal::MessageRefusal,
    reply,
    stream::{MessageStream, StreamReader},
};
use crate::{
    bridge::{self, ClientSender, Conversation, RpcResult, ServerScope},
    mcp::{Era, MODERN, McpClient, Request},
    model::Credential,
    web::{HandlerResult, event_stream},
};

/// Time until an answer that has not begun becomes a stream: proxies close silent connections.
const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(15);

type ResultFuture = Pin<Box<dyn Future<Output = RpcResult> + Send>>;

/// Answers a message that says, or whose headers say, that it is of this era.
pub(super) async fn answer(
    http: &HttpRequest,
    caller: McpCaller,
    scope: ServerScope,
    message: ClientMessage,
) -> HandlerResult {
    let (id, request) = match message {
        ClientMessage::Request(id, request) => (id, request),
        // There is none that we could do something about: requests are cancelled by closing their streams.
        ClientMessage::Notification(_) | ClientMessage::Answer(..) => return Ok(reply::accepted()),
    };
    let conversation = match conversation_of(http, caller, scope, &id, &request) {
        Ok(conversation) => conversation,
        Err(refusal) => return Ok(refusal.respond()),
    };
    let (takes_events, _) = headers::accepts(http.headers());
    let stream = MessageStream::new(0);
    let reader = stream.read_after(0);
    let sender = ClientSender::new(stream, None).relating_to(id.to_raw());
    let is_endless = request.method == "subscriptions/listen";
    let revoked =
        is_endless.then(|| Box::pin(conversation.runtime.revocation().revoked(&conversation.who, scope.needs())));
    let answering: ResultFuture = Box::pin(async move {
        let answer = bridge::answer(&conversation, request, &sender);
        let Some(revoked) = revoked else { return answer.await };
        tokio::select! {
            biased;
            error = revoked => Err(bridge::fault::of_error(error)),
            outcome = answer => outcome,
        }
    });
    AnswerInProgress { id, reader, answering, outcome: None }.respond(takes_events).await
}

/// The conversation with the sender of a request, once headers and `_meta` are valid.
fn conversation_of(
    http: &HttpRequest,
    caller: McpCaller,
    scope: ServerScope,
    id: &JsonRpcId,
    request: &Request,
) -> Result<Arc<Conversation>, MessageRefusal> {
    let envelope = classify::request_meta(id, request)?;
    headers::check(http.headers(), id, &envelope.version, request)?;
    if envelope.version != MODERN {
        return Err(MessageRefusal::version(Some(id.clone()), &envelope.version));
    }
    if classify::was_removed(&request.method) {
        return Err(MessageRefusal::method(Some(id.clone()), &request.method));
    }
    let client = McpClient {
        session: credential(&caller),
        era: Era::Modern,
        capabilities: envelope.capabilities,
        info: envelope.info,
        log_level: envelope.log_level,
    };
    let conversation = Conversation {
        runtime: caller.runtime,
        suspended: caller.suspended,
        linked: caller.linked,
        who: caller.who,
        scope,
        era: Era::Modern,
        version: envelope.version,
        client: Arc::new(Arc::new(client).into()),
        span: caller.span,
        watches: Arc::default(),
    };
    check_params(http, &conversation, id, request)?;
    Ok(Arc::new(conversation))
}

/// Refuses a call whose headers do not repeat its arguments as its tool wants them to.
fn check_params(
    http: &HttpRequest,
    conversation: &Conversation,
    id: &JsonRpcId,
    request: &Request,
) -> Result<(), MessageRefusal> {
    let name = (request.method == "tools/call").then(|| request.params.text("name")).flatten();
    match name.and_then(|name| bridge::annotated_tool(conversation, &name)) {
        Some(tool) => params::check(http.headers(), id, request, &tool),
        None => Ok(()),
    }
}

/// The id that stands for the session of a client that has none: its credential's.
fn credential(caller: &McpCaller) -> Uuid {
    match caller.who.credential {
        Credential::Session(id) => id.uuid(),
        Credential::Key(id) => id.uuid(),
        Credential::Token(subject) => subject,
        Credential::Embedder => caller.who.user_id.uuid(),
    }
}

/// A request being answered; dropping it cancels the request.
struct AnswerInProgress {
    id: JsonRpcId,
    reader: StreamReader,
    answering: ResultFuture,
    outcome: Option<RpcResult>,
}

/// The first of message and result.
enum First {
    Message(String),
    Result(RpcResult),
    Nothing,
}

impl AnswerInProgress {
    /// JSON where the answer comes first, a stream from the first notification on.
    async fn respond(mut self, takes_events: bool) -> HandlerResult {
        loop {
            match self.first().await {
                First::Result(outcome) if !takes_events || self.reader.is_at_the_end() => {
                    return reply::respond(Era::Modern, &self.id, &outcome);
                }
                First::Result(outcome) => {
                    self.outcome = Some(outcome);
                    return Ok(event_stream::respond_to_the_end(self.events(None)));
                }
                First::Message(_) | First::Nothing if !takes_events => {}
                First::Message(message) => return Ok(event_stream::respond_to_the_end(self.events(Some(message)))),
                First::Nothing => return Ok(event_stream::respond_to_the_end(self.events(None))),
            }
        }
    }

    async fn first(&mut self) -> First {
        tokio::select! {
            biased;
            Some(event) = self.reader.next() => First::Message(event.body.text().into_owned()),
            outcome = &mut self.answering => {
                self.reader.stream.end();
                First::Result(outcome)
            }
            () = tokio::time::sleep(FIRST_MESSAGE_TIMEOUT) => First::Nothing,
        }
    }

    fn events(self, first: Option<String>) -> impl futures_util::Stream<Item = Bytes> + 'static {
        stream::unfold((Some(self), first), |(answer, first)| async move {
            let mut answer = answer?;
            if let Some(first) = first {
                return Some((event_stream::event(None, None, &first), (Some(answer), None)));
            }
            let (text, is_last) = answer.next().await;
            Some((event_stream::event(None, None, &text), ((!is_last).then_some(answer), None)))
        })
    }

    /// The next message; the answer is the last.
    async fn next(&mut self) -> (String, bool) {
        if self.outcome.is_none() {
            tokio::select! {
                biased;
                Some(event) = self.reader.next() => return (event.body.text().into_owned(), false),
                outcome = &mut self.answering => {
                    self.reader.stream.end();
                    self.outcome = Some(outcome);
                }
            }
        }
        match (self.reader.next().await, &self.outcome) {
            (Some(event), _) => (event.body.text().into_owned(), false),
            (None, Some(outcome)) => (reply::of(&self.id, outcome), true),
            (None, None) => (String::new(), true),
        }
    }
}
