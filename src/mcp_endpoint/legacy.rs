//! Messages of the older era: `initialize` begins a session, and everything else belongs to one.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::header::HeaderValue};
use uuid::Uuid;

use super::{
    caller::McpCaller,
    events, headers,
    json_rpc_id::JsonRpcId,
    kept_session,
    message::{ClientMessage, PostBody},
    named_session::{named_session, named_session_id},
    refusal::MessageRefusal,
    reply,
    session::{InFlightRequest, McpSession},
    spawn_on_drop::SpawnOnDrop,
    stream::{EventBody, MessageStream},
};
use crate::{
    bridge::{self, ClientSender, Conversation, ServerScope},
    error::Error,
    mcp::{Era, LATEST_LEGACY, McpClient, Members, Request, is_legacy},
    web::HandlerResult,
};

/// The revision that had batches.
const BATCH_REVISION: &str = "2025-03-26";

/// Answers what was posted.
pub(super) async fn answer(
    http: &HttpRequest,
    caller: McpCaller,
    scope: ServerScope,
    posted: PostBody,
) -> HandlerResult {
    if let PostBody::One(ClientMessage::Request(id, request)) = &posted
        && request.method == "initialize"
    {
        // In a box, like others below: every request is moved with room for what this one may come to.
        return Box::pin(initialize(caller, scope, id, request)).await;
    }
    let session = match named_session(http, &caller, scope).await {
        Ok(session) => session,
        Err(refusal) => return Ok(MessageRefusal { id: posted.id(), ..refusal }.respond()),
    };
    let (takes_events, _) = headers::accepts(http.headers());
    let conversation = caller.conversation(&session);
    match posted {
        PostBody::One(ClientMessage::Request(id, request)) => {
            answer_request(session, conversation, id, request, takes_events).await
        }
        PostBody::One(message) => {
            Box::pin(handle_message(&session, &conversation, message)).await;
            Ok(reply::accepted())
        }
        PostBody::Batch(messages) => Box::pin(answer_batch(session, conversation, messages, takes_events)).await,
    }
}

/// Begins a session where the bridge has an answer.
async fn initialize(caller: McpCaller, scope: ServerScope, id: &JsonRpcId, request: &Request) -> HandlerResult {
    let conversation = match new_conversation(&caller, scope, id, request) {
        Ok(conversation) => Arc::new(conversation),
        Err(refusal) => return Ok(refusal.respond()),
    };
    let beginning = PendingSession(&conversation);
    // Messages before the answer have no reader.
    let sender = ClientSender::new(MessageStream::new(0), None).relating_to(id.to_raw());
    let outcome = bridge::answer(&conversation, request.clone(), &sender).await;
    let mut response = reply::respond(Era::Legacy, id, &outcome)?;
    if let Ok(result) = &outcome {
        let agreed = Members::parse(result).ok().and_then(|result| result.text("protocolVersion"));
        let session = Arc::new(McpSession::new(&conversation, agreed.unwrap_or_else(|| conversation.version.clone())));
        let id = HeaderValue::from_str(&session.id.to_string()).map_err(|error| Error::Internal(error.to_string()))?;
        caller.sessions.add(Arc::clone(&session))?;
        std::mem::forget(beginning);
        kept_session::begin(&caller.conversation(&session)).await;
        response.headers_mut().insert(headers::SESSION_HEADER, id);
    }
    Ok(response)
}

/// A session that is not one yet: where it never becomes one, nothing that was started for it is left.
struct PendingSession<'a>(&'a Conversation);

impl Drop for PendingSession<'_> {
    fn drop(&mut self) {
        self.0.runtime.end_session(self.0.client.lock().session);
    }
}

/// A client that has just said who it is.
fn new_conversation(
    caller: &McpCaller,
    scope: ServerScope,
    id: &JsonRpcId,
    request: &Request,
) -> Result<Conversation, MessageRefusal> {
    let asked = request.params.text("protocolVersion");
    let asked = asked.ok_or_else(|| MessageRefusal::params(Some(id.clone()), "`params.protocolVersion` is missing"))?;
    let object = |name: &str| request.params.get(name).filter(|value| value.get().starts_with('{')).cloned();
    let nothing = || Members::default().to_raw().into();
    let client = McpClient {
        session: Uuid::new_v4(),
        era: Era::Legacy,
        capabilities: object("capabilities").unwrap_or_else(nothing),
        info: object("clientInfo"),
        log_level: None,
    };
    Ok(Conversation {
        runtime: caller.runtime.clone(),
        suspended: Arc::clone(&caller.suspended),
        linked: Arc::clone(&caller.linked),
        who: Arc::clone(&caller.who),
        scope,
        era: Era::Legacy,
        version: if is_legacy(&asked) { asked } else { LATEST_LEGACY.to_owned() },
        client: Arc::new(Arc::new(client).into()),
        span: caller.span,
        watches: Arc::default(),
    })
}

/// Deals with what wants no answer.
async fn handle_message(session: &McpSession, conversation: &Arc<Conversation>, message: ClientMessage) {
    match message {
        ClientMessage::Answer(id, outcome) => {
            let known = id.number().is_some_and(|id| session.client_requests.resolve(id, outcome));
            if !known {
                log::debug!("a client's response matches no request");
            }
        }
        ClientMessage::Notification(request) if request.method == "notifications/cancelled" => {
            if let Some(id) = request.params.get("requestId").and_then(|id| JsonRpcId::parse(id)) {
                session.cancel(&id);
            }
        }
        ClientMessage::Notification(request) | ClientMessage::Request(_, request) => {
            bridge::on_notification(conversation, request).await
        }
    }
}

/// Answers a request; the work goes on where the client goes away meanwhile, since it may come back.
async fn answer_request(
    session: Arc<McpSession>,
    conversation: Arc<Conversation>,
    id: JsonRpcId,
    request: Request,
    takes_events: bool,
) -> HandlerResult {
    let Some(in_flight) = session.begin(id.clone()) else {
        return Ok(MessageRefusal::invalid(Some(id), ID_IN_USE).respond());
    };
    let stream = session.stream();
    let reader = stream.read_after(0);
    let writing = Arc::clone(&stream);
    let work = SpawnOnDrop::new(async move {
        write_response(conversation, request, id, &writing, in_flight).await;
        writing.end();
    });
    events::respond(&session, reader, work, takes_events).await
}

const ID_IN_USE: &str = "a request of this id, or 256 others, are in flight";

/// Answers several messages of one body.
async fn answer_batch(
    session: Arc<McpSession>,
    conversation: Arc<Conversation>,
    messages: Vec<ClientMessage>,
    takes_events: bool,
) -> HandlerResult {
    if session.version != BATCH_REVISION {
        return Ok(MessageRefusal::invalid(None, "this revision has no batches; send messages one by one").respond());
    }
    let stream = session.stream();
    let reader = stream.read_after(0);
    let mut works = Vec::new();
    for message in messages {
        match message {
            ClientMessage::Request(id, request) => {
                let (session, conversation) = (Arc::clone(&session), Arc::clone(&conversation));
                works.push(answer_in_batch(session, conversation, id, request, Arc::clone(&stream)));
            }
            ClientMessage::Notification(_) | ClientMessage::Answer(..) => {
                handle_message(&session, &conversation, message).await
            }
        }
    }
    if works.is_empty() {
        return Ok(reply::accepted());
    }
    tokio::spawn(async move {
        futures_util::future::join_all(works).await;
        stream.end();
    });
    events::respond_to_batch(&session, reader, takes_events).await
}

/// Answers one request of several.
async fn answer_in_batch(
    session: Arc<McpSession>,
    conversation: Arc<Conversation>,
    id: JsonRpcId,
    request: Request,
    stream: Arc<MessageStream>,
) {
    let refused = match session.begin(id.clone()) {
        _ if request.method == "initialize" => "initialize is sent alone",
        Some(in_flight) => return write_response(conversation, request, id, &stream, in_flight).await,
        None => ID_IN_USE,
    };
    let error = MessageRefusal::invalid(None, refused).error;
    stream.push(EventBody::Answer(id, Err(error))).await;
}

/// Has a request answered, and writes all that is said about it; the answer comes last, and not where it was cancelled.
async fn write_response(
    conversation: Arc<Conversation>,
    request: Request,
    id: JsonRpcId,
    stream: &Arc<MessageStream>,
    in_flight: InFlightRequest,
) {
    let sender = ClientSender::new(stream.clone(), Some(in_flight.client_requests())).relating_to(id.to_raw());
    let changes_session = kept_session::is_changed_by(&request.method);
    let outcome = tokio::select! {
        biased;
        () = in_flight.cancelled() => return,
        outcome = bridge::answer(&conversation, request, &sender) => outcome,
    };
    if changes_session {
        kept_session::update(&conversation).await;
    }
    drop(in_flight);
    stream.push(EventBody::Answer(id, outcome)).await;
}

/// Ends the session that a request names, for good: its row goes first.
pub(super) async fn delete(http: &HttpRequest, caller: &McpCaller, scope: ServerScope) -> HandlerResult {
    let id = match named_session_id(http, caller, scope).await {
        Ok(id) => id,
        Err(refusal) => return Ok(refusal.respond()),
    };
    caller.runtime.accounts().end_client_session(id).await?;
    // Without its row a request that takes it up now ends it; one that did so before has it in memory.
    caller.sessions.find(id, &caller.who, scope).iter().for_each(|session| caller.sessions.end(session));
    Ok(HttpResponse::NoContent().finish())
}
