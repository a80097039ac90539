//! One process of a server, as callers see it.

use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use actix::{Addr, Handler, Message, dev::ToEnvelope};
use arc_swap::ArcSwap;
use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::{
    mcp::{self, Capabilities, Declared, Era, Level, Request},
    model::{Catalogue, Remote},
    supervisor::{
        ServerActor,
        guard::Spec,
        messages::{Abandon, Answer, Dispatch, Follower, Notify},
        remote::Authority,
    },
};

/// How to run a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// What the guard starts; of a remote server, nothing but its environment's marks.
    pub spec: Spec,
    /// Where it is, if it is no process of ours.
    pub remote: Option<RemoteTarget>,
    /// What the server may ask of whoever calls it.
    pub sharing: Sharing,
    /// The program that guards it.
    pub guard: PathBuf,
    /// Longest time from spawn to ready.
    pub start_timeout: Duration,
    /// How long it has after its standard input closed, and again after SIGTERM.
    pub stop_grace: (Duration, Duration),
    /// How long it has to answer a ping.
    pub ping_timeout: Duration,
}

/// A server that is reached over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteTarget {
    /// Its endpoint and what is sent along.
    pub remote: Remote,
    /// Whether it may be at an address that is not public.
    pub private_addresses: bool,
    /// The tokens it is sent, where its owner's headers hold none.
    pub authority: Authority,
}

/// Who shares a process, and what it may ask of them therefore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Callers who do not know of each other: it may ask nothing.
    #[default]
    Shared,
    /// Nobody's requests: it says what there is for those whom other processes of the server may ask. It may ask nothing,
    /// but is told otherwise, since many servers hide what they could not do.
    Listing {
        /// What is declared to it at `initialize`: the `capabilities` object, as JSON.
        capabilities: String,
    },
    /// One user or one session.
    Exclusive {
        /// What is declared to it at `initialize`: the `capabilities` object, as JSON.
        capabilities: String,
    },
}

/// A process of a server, from spawn to its end. Callers hold one while they use it.
pub struct Instance {
    /// Unique in this run of Ostler; later ones are greater.
    pub generation: u64,
    pub(super) figures: Arc<Figures>,
    addr: OnceLock<Addr<ServerActor>>,
    era: OnceLock<Era>,
    offered: OnceLock<Capabilities>,
    catalogue: ArcSwap<Catalogue>,
    next_id: AtomicU64,
}

/// What is counted of a process.
#[derive(Default)]
pub struct Figures {
    /// Its process id; 0 before there is one.
    pub pid: AtomicU32,
    /// Requests in flight.
    pub in_flight: AtomicU32,
    /// Lines that were no JSON-RPC messages.
    pub stray_lines: AtomicU64,
    /// Answers to no request in flight.
    pub stray_answers: AtomicU64,
}

impl Instance {
    pub(super) fn new(generation: u64) -> Self {
        Self {
            generation,
            figures: Arc::default(),
            addr: OnceLock::new(),
            era: OnceLock::new(),
            offered: OnceLock::new(),
            catalogue: ArcSwap::default(),
            next_id: AtomicU64::new(1),
        }
    }

    /// Calls a tool on nobody's behalf in particular. `trace` is a `traceparent` (W3C Trace Context).
    pub fn call_tool(
        self: &Arc<Self>,
        tool: &str,
        arguments: &RawValue,
        trace: Option<&str>,
        follower: Option<Follower>,
    ) -> InFlight {
        let id = self.next_id();
        let line = mcp::call_tool(id, tool, arguments, self.era(), wants_progress(follower.as_ref()), trace);
        self.dispatch(id, line, follower, None)
    }

    /// Sends a client's request of any method.
    pub fn ask(self: &Arc<Self>, request: &Request, client: &Declared, follower: Option<Follower>) -> InFlight {
        let id = self.next_id();
        let line = mcp::ask(id, request, client, self.era(), wants_progress(follower.as_ref()));
        self.dispatch(id, line, follower, client.level())
    }

    /// What it offers, as of its last lists; empty until the handshake has ended.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.load_full()
    }

    /// The tools, each as the server wrote it, as of its last list.
    pub fn tools(&self) -> Arc<Vec<Arc<RawValue>>> {
        self.catalogue.load().tools.clone()
    }

    /// The era; the legacy one until the handshake has found out.
    pub fn era(&self) -> Era {
        self.era.get().copied().unwrap_or(Era::Legacy)
    }

    /// Passes a client's notification on. It is nobody's loss where it cannot be sent.
    pub fn pass_on(&self, notification: &Request) {
        self.notify(mcp::pass_on(notification, self.era()));
    }

    /// Sends a request that `line` makes from the id and the era.
    pub(super) fn request(self: &Arc<Self>, line: impl FnOnce(u64, Era) -> Bytes) -> InFlight {
        let id = self.next_id();
        self.dispatch(id, line(id, self.era()), None, None)
    }

    /// Sends a line that wants no answer.
    pub(super) fn notify(&self, line: Bytes) {
        self.tell(Notify(line));
    }

    /// Sends its actor a message that wants no answer.
    pub(super) fn tell<M>(&self, message: M)
    where
        M: Message<Result = ()> + Send + 'static,
        ServerActor: Handler<M>,
        actix::Context<ServerActor>: ToEnvelope<ServerActor, M>,
    {
        if let Some(addr) = self.addr.get() {
            addr.do_send(message);
        }
    }

    pub(super) fn addr(&self) -> Option<&Addr<ServerActor>> {
        self.addr.get()
    }

    pub(super) fn set_addr(&self, addr: Addr<ServerActor>) {
        // Set once, right after the actor was started.
        let _ = self.addr.set(addr);
    }

    pub(super) fn set_era(&self, era: Era) {
        // One era per process, for life.
        let _ = self.era.set(era);
    }

    /// Takes note of what the handshake found.
    pub(super) fn greeted(&self, catalogue: Catalogue) {
        let _ = self.offered.set(Capabilities::of(&catalogue.greeting));
        self.catalogue.store(Arc::new(catalogue));
    }

    /// What the server said in the handshake that it can do.
    pub(super) fn offered(&self) -> Capabilities {
        self.offered.get().cloned().unwrap_or_default()
    }

    /// The revision agreed on, once there is one.
    pub fn version(&self) -> Option<String> {
        Some(self.catalogue.load().version.clone()).filter(|version| !version.is_empty())
    }

    pub(super) fn set_catalogue(&self, catalogue: Arc<Catalogue>) {
        self.catalogue.store(catalogue);
    }

    /// An id that no other request of this process has.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    fn dispatch(self: &Arc<Self>, id: u64, line: Bytes, follower: Option<Follower>, level: Option<Level>) -> InFlight {
        let (reply, answer) = oneshot::channel();
        match self.addr.get() {
            Some(addr) if addr.connected() => addr.do_send(Dispatch { id, line, follower, level, reply }),
            Some(_) | None => drop(reply.send(Answer::NotSent)),
        }
        InFlight { instance: Some(self.clone()), id, answer }
    }
}

fn wants_progress(follower: Option<&Follower>) -> bool {
    follower.is_some_and(|follower| follower.token.is_some())
}

/// A request under way. Dropping it tells the server to cancel.
pub struct InFlight {
    /// `None` once it is answered.
    instance: Option<Arc<Instance>>,
    id: u64,
    answer: oneshot::Receiver<Answer>,
}

impl InFlight {
    /// Its id, unique for the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Waits for the answer; the caller sets the deadline.
    pub async fn answer(&mut self) -> Answer {
        let answer = (&mut self.answer).await;
        self.instance = None;
        // The actor drops what it holds when it ends in a panic.
        answer.unwrap_or_else(|_| Answer::Died("it was lost".into()))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(addr) = self.instance.take().as_deref().and_then(Instance::addr) {
            addr.do_send(Abandon { id: self.id });
        }
    }
}
