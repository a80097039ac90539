//! What the actors of this room say to each other.
//!
//! | message | from | to | means |
//! |---|---|---|---|
//! | [`AddServer`], [`UpdateServer`], [`RemoveServer`] | runtime | supervisor | which children there are |
//! | [`StartServer`], [`StopServer`], [`RestartServer`] | runtime | supervisor | which of them should run |
//! | [`CheckServer`] | runtime | supervisor | is it well, now? |
//! | [`StopAll`], [`ResumeAll`] | runtime | supervisor | Ostler is ending, or stands by; it serves again |
//! | [`Dispatch`], [`Abandon`], `Notify` | whoever asks a server | server | a request, and that nobody waits for it any more |
//! | `Answered` | whoever was asked | server | what to tell the server that asked |
//! | `WatchesChanged` | a link | server | other resources are watched than before |
//! | [`StopInstance`], [`CheckHealth`] | supervisor | server | end in good order; is it well? |
//! | `GuardSaid`, `GuardGone`, `HandshakeEnded`, `Listed`, `Subscribed`, `Pinged` | a server's own tasks | server | what they found |
//! | `ChildReady`, `ChildListed`, `ChildLost`, `ChildExited`, `HealthChecked` | server | supervisor | what became of a child |
//!
//! Reports carry the generation of the process they are about; the supervisor drops those of processes it has forgotten.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use actix::Message;
use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::Result,
    mcp,
    mcp::Level,
    model::{Catalogue, ExitReport, ServerId},
    policy::mask::Mask,
    supervisor::{
        ChildView, Exit, Instance, Launch, Link,
        guard::Report,
        listing::{Items, List},
    },
};

/// Adds a child.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AddServer {
    /// Its id.
    pub id: ServerId,
    /// How to run it.
    pub launch: Arc<Launch>,
    /// What to hide in its output.
    pub mask: Mask,
    /// Whether it should run.
    pub wanted: Wanted,
    /// Where its state and its output are shown; it outlives a supervisor.
    pub link: Link,
}

/// Changes how a child is run; a running one is replaced by a new process, moved over to, and drained.
#[derive(Message)]
#[rtype(result = "()")]
pub struct UpdateServer {
    /// Which.
    pub id: ServerId,
    /// How to run it from now on.
    pub launch: Arc<Launch>,
    /// What to hide in its output.
    pub mask: Mask,
    /// Whether it should run, where that changes.
    pub wanted: Option<Wanted>,
}

/// Ends a child and forgets it; answers once its process tree is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RemoveServer {
    /// Which.
    pub id: ServerId,
}

/// Starts a child; answers with its state once it is ready, or with how its first attempt ended.
#[derive(Message)]
#[rtype(result = "Result<ChildView, NotUp>")]
pub struct StartServer {
    /// Which.
    pub id: ServerId,
}

/// Why a child that was to start is not up.
#[derive(Clone, Debug)]
pub enum NotUp {
    /// Its process ended first; it may be tried again by and by.
    Failed(ExitReport),
    /// It was told to stop meanwhile.
    Stopped,
}

/// Stops a child; answers once its process tree is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopServer {
    /// Which.
    pub id: ServerId,
}

/// Stops and starts a child; answers like [`StartServer`]. Several at once are one.
#[derive(Message)]
#[rtype(result = "Result<ChildView, NotUp>")]
pub struct RestartServer {
    /// Which.
    pub id: ServerId,
}

/// Asks a child now; answers whether it is well.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct CheckServer {
    /// Which.
    pub id: ServerId,
}

/// Stops every child; answers once all process trees are gone. Nothing starts until [`ResumeAll`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopAll;

/// Lets children start again that are wanted from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ResumeAll;

/// Whether a child should run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It should.
    Up,
    /// It should not.
    Down,
}

/// Who hears what a server says about a request before it answers it.
#[derive(Clone)]
pub struct Follower {
    /// The `progressToken` that stands in what they hear; `None` where no progress is wanted.
    pub token: Option<Arc<RawValue>>,
    /// Whom they are or act for: what cannot be told to belong to one request may still belong to one of them.
    pub owner: uuid::Uuid,
    /// Set while the request waits for whoever sent it. What the server asks then is about another one, if there is any.
    pub waits: Arc<AtomicBool>,
    /// What they declared: a question that needs it is theirs rather than that of somebody who did not.
    pub capabilities: Arc<RawValue>,
    /// Where it goes. What does not fit is left out; a question that does not fit is refused.
    pub notes: mpsc::Sender<Note>,
}

/// What a server says about a request before it answers it.
pub enum Note {
    /// A notification.
    Told {
        /// Its method.
        method: Arc<str>,
        /// Its parameters, but for the progress token byte for byte.
        params: Option<Arc<RawValue>>,
    },
    /// A question to whoever sent the request, from an exclusive process.
    Asked(Asked),
}

/// A request of a server to a client: sampling, elicitation or roots. Dropping it refuses it.
pub struct Asked {
    /// The id the server gave it.
    pub id: Arc<RawValue>,
    /// What it wants.
    pub method: String,
    /// Of what.
    pub params: Option<Arc<RawValue>>,
    instance: Option<Arc<Instance>>,
}

impl Asked {
    pub(super) fn new(
        instance: Arc<Instance>,
        id: Arc<RawValue>,
        method: String,
        params: Option<Arc<RawValue>>,
    ) -> Self {
        Self { id, method, params, instance: Some(instance) }
    }

    /// Whether the process of this generation asked.
    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.instance.as_ref().is_some_and(|instance| instance.generation == generation)
    }

    /// Answers with a result, or with a JSON-RPC error object.
    pub fn answer(mut self, outcome: Result<&RawValue, &RawValue>) {
        if let Some(instance) = self.instance.take() {
            instance.tell(Answered { id: self.id.clone(), line: mcp::answer_with(&self.id, outcome) });
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(instance) = self.instance.take() {
            let line = mcp::method_not_found(&self.id, &self.method);
            instance.tell(Answered { id: self.id.clone(), line });
        }
    }
}

/// What a server says that is about no request in particular.
#[derive(Clone, Debug)]
pub enum News {
    /// One of its lists changed, and the catalogue with it: `tools`, `prompts` or `resources`.
    ListChanged(&'static str),
    /// A resource that somebody subscribed to changed.
    ResourceUpdated {
        /// Which.
        uri: String,
        /// The `params` of the notification, without `subscriptionId`.
        params: Arc<RawValue>,
    },
    /// `notifications/message` of an exclusive process that belongs to no request; its `params`.
    Logged(Arc<RawValue>),
    /// Another notification of an exclusive process that belongs to no request.
    Told {
        /// Its method.
        method: Arc<str>,
        /// Its parameters, byte for byte.
        params: Option<Arc<RawValue>>,
    },
}

/// Sends a request and answers through `reply`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Dispatch {
    /// The request's id, unique for the process.
    pub id: u64,
    /// The whole request.
    pub line: Bytes,
    /// Who hears what the server says before it answers.
    pub follower: Option<Follower>,
    /// The least severe message its sender wants to hear; `None` where it did not say.
    pub level: Option<Level>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Answer>,
}

/// Sends a line that wants no answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Notify(pub Bytes);

/// Answers a request of the server's own, unless it was answered already.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Answered {
    /// The id the server gave it.
    pub id: Arc<RawValue>,
    /// The whole answer.
    pub line: Bytes,
}

/// The link has other watches than before.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct WatchesChanged;

/// What became of a request.
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
}

/// Nobody waits for a request any more: tell the server to cancel it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Abandon {
    /// The request's id.
    pub id: u64,
}

/// Ends the process in good order; requests in flight get `drain` to finish.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopInstance {
    /// How long requests in flight may take.
    pub drain: Duration,
}

/// Asks whether the server is well: traffic or work since the last tick is proof, otherwise it is pinged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[rtype(result = "bool")]
pub enum CheckHealth {
    /// Three misses in a row end the process.
    Tick,
    /// Somebody wants to know; a miss is only reported.
    Asked,
}

/// A guard reported.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct GuardSaid(pub Report);

/// The guard and everything below it is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct GuardGone;

/// The handshake succeeded or failed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct HandshakeEnded(pub Result<Catalogue, Exit>);

/// These lists were asked for; those that could not be had are left out.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Listed(pub Vec<(List, Items)>);

/// A process of the older era was asked to tell of a resource.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Subscribed {
    pub uri: String,
    /// Its error object where it refused.
    pub outcome: Result<(), Arc<RawValue>>,
}

/// A ping of a health tick was answered, or not.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Pinged {
    pub id: u64,
    pub alive: bool,
    pub occasion: CheckHealth,
}

/// A child takes calls.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ChildReady {
    pub id: ServerId,
    pub generation: u64,
}

/// What a child offers became known, or changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ChildListed {
    pub id: ServerId,
    pub generation: u64,
    pub catalogue: Arc<Catalogue>,
}

/// A child takes no more calls, though its process tree may not be gone yet.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ChildLost {
    pub id: ServerId,
    pub generation: u64,
}

/// A child's process tree is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ChildExited {
    pub id: ServerId,
    pub generation: u64,
    pub exit: Exit,
}

/// A child was asked how it is.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct HealthChecked {
    pub id: ServerId,
    pub generation: u64,
    pub healthy: bool,
}
