//! Requests to a server and of it, and what comes of them.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use actix::{Actor, Addr, Context, Handler, Message, Recipient};
use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use crate::mcp::{self, Level};

/// Receiver of the messages that a server sends about a request before it answers it.
#[derive(Clone)]
pub struct RequestSubscriber {
    /// The `progressToken` in these messages; `None` where no progress is wanted.
    pub token: Option<Arc<RawValue>>,
    /// The client that the request was made for: a message of no known request may still belong to this client.
    pub owner: uuid::Uuid,
    /// True while the request waits for its sender. A request of the server is about another request then, if there is
    /// any.
    pub is_waiting: Arc<AtomicBool>,
    /// Capabilities that the client declared: a server's request that needs one goes to a client that has it.
    pub capabilities: Arc<RawValue>,
    /// Queue of the messages. A notification that does not fit is left out; a request that does not fit is refused.
    pub events: mpsc::Sender<RequestEvent>,
}

/// A message that a server sends about a request before it answers it.
pub enum RequestEvent {
    /// A notification.
    Notification {
        /// Its method.
        method: Arc<str>,
        /// Its parameters, but for the progress token byte for byte.
        params: Option<Arc<RawValue>>,
    },
    /// A request to the sender of the request, from an exclusive process.
    Request(ServerRequest),
}

/// A request of a server to a client: sampling, elicitation or roots. Dropping it refuses it.
pub struct ServerRequest {
    /// The id the server gave it.
    pub id: Arc<RawValue>,
    /// Its method.
    pub method: String,
    /// Its parameters.
    pub params: Option<Arc<RawValue>>,
    generation: u64,
    /// `None` once it is answered.
    answers: Option<Recipient<AnswerServerRequest>>,
}

impl ServerRequest {
    pub(in crate::supervisor) fn new(
        generation: u64,
        answers: Option<Recipient<AnswerServerRequest>>,
        id: Arc<RawValue>,
        method: String,
        params: Option<Arc<RawValue>>,
    ) -> Self {
        Self { id, method, params, generation, answers }
    }

    /// True when the process of this generation sent it.
    pub(in crate::supervisor) fn is_of(&self, generation: u64) -> bool {
        self.generation == generation
    }

    /// Answers with a result, or with a JSON-RPC error object.
    pub fn answer(mut self, outcome: Result<&RawValue, &RawValue>) {
        if let Some(answers) = self.answers.take() {
            answers.do_send(AnswerServerRequest { id: self.id.clone(), line: mcp::answer_with(&self.id, outcome) });
        }
    }
}

impl Drop for ServerRequest {
    fn drop(&mut self) {
        if let Some(answers) = self.answers.take() {
            let line = mcp::method_not_found(&self.id, &self.method);
            answers.do_send(AnswerServerRequest { id: self.id.clone(), line });
        }
    }
}

/// Sends a request and answers through `reply`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Dispatch {
    /// The request's id, unique for the process.
    pub id: u64,
    /// The request as a line.
    pub line: Bytes,
    /// Receiver of the messages that the server sends before it answers.
    pub subscriber: Option<RequestSubscriber>,
    /// The least severe message its sender wants; `None` where it did not say.
    pub level: Option<Level>,
    /// Receiver of the answer.
    pub reply: oneshot::Sender<Answer>,
}

/// Sends a line that wants no answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct Notify(pub Bytes);

/// Answers a request of the server, unless it was answered already.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct AnswerServerRequest {
    /// The id the server gave it.
    pub id: Arc<RawValue>,
    /// The response as a line.
    pub line: Bytes,
}

/// The link has other watches than before.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct WatchesChanged;

/// Outcome of a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The server's result.
    Result(Arc<RawValue>),
    /// The server's JSON-RPC error object.
    Error(Arc<RawValue>),
    /// Nothing was sent; another process may take it.
    NotSent,
    /// Nothing was sent: the server does not read, and no more may wait for it.
    Unread,
    /// The answer was longer than a line may be.
    TooLong,
    /// The process ended first.
    Died(String),
    /// An HTTP response, or the lack of one, that is no answer of the server.
    TransportFailed {
        /// A JSON-RPC error object in place of one.
        error: Arc<RawValue>,
        /// In words.
        reason: String,
        /// Time until which it wants no further request, where it said so.
        retry_after: Option<Duration>,
    },
}

/// Cancels a request, as its caller has gone: the server gets a cancellation.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Abandon {
    /// The request's id.
    pub id: u64,
}

/// A server's actor, as users of its process see it.
pub(in crate::supervisor) struct Mailbox {
    pub dispatch: Recipient<Dispatch>,
    pub abandon: Recipient<Abandon>,
    pub notify: Recipient<Notify>,
    pub responses: Recipient<AnswerServerRequest>,
    pub watches: Recipient<WatchesChanged>,
}

impl Mailbox {
    pub(crate) fn of<A>(addr: &Addr<A>) -> Self
    where
        A: Actor<Context = Context<A>>
            + Handler<Dispatch>
            + Handler<Abandon>
            + Handler<Notify>
            + Handler<AnswerServerRequest>
            + Handler<WatchesChanged>,
    {
        Self {
            dispatch: addr.clone().recipient(),
            abandon: addr.clone().recipient(),
            notify: addr.clone().recipient(),
            responses: addr.clone().recipient(),
            watches: addr.clone().recipient(),
        }
    }
}
