//! One process of a server, as callers see it.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use actix::Recipient;
use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::{
    mcp::{self, Capabilities, Declared, Era, Level, Request},
    model::{Listing, PropagatedTrace, Refusal},
    policy::pins::{self, DefinitionHashes},
    supervisor::{
        launch::Launch,
        messages::{
            Abandon, Answer, AnswerServerRequest, Dispatch, Mailbox, Notify, RequestSubscriber, WatchesChanged,
        },
    },
};

/// A process of a server, from spawn to its end. Callers hold one while they use it.
pub struct ServerInstance {
    /// Unique in this run of Ostler; later ones are greater.
    pub generation: u64,
    pub(super) figures: Arc<Figures>,
    launch: Arc<Launch>,
    mailbox: OnceLock<Mailbox>,
    era: OnceLock<Era>,
    capabilities: OnceLock<Capabilities>,
    listing: ArcSwap<Listing>,
    definitions: ArcSwapOption<ListedDefinitions>,
    fault: ArcSwapOption<String>,
    refusal: ArcSwapOption<Refusal>,
    next_id: AtomicU64,
}

/// Hashes of the definitions of tools, and the list that they are of.
type ListedDefinitions = (Arc<Vec<Arc<RawValue>>>, Arc<DefinitionHashes>);

/// Counters of a process.
#[derive(Default)]
pub(super) struct Figures {
    /// Its process id; 0 before there is one.
    pub pid: AtomicU32,
    /// Requests in flight.
    pub in_flight: AtomicU32,
    /// Lines that were no JSON-RPC messages.
    pub stray_lines: AtomicU64,
    /// Answers to no request in flight.
    pub stray_answers: AtomicU64,
    /// Milliseconds for which its guard has stopped it.
    pub held_ms: AtomicU64,
}

impl ServerInstance {
    pub(super) fn new(generation: u64, launch: Arc<Launch>) -> Self {
        Self {
            generation,
            figures: Arc::default(),
            launch,
            mailbox: OnceLock::new(),
            era: OnceLock::new(),
            capabilities: OnceLock::new(),
            listing: ArcSwap::default(),
            definitions: ArcSwapOption::default(),
            fault: ArcSwapOption::default(),
            refusal: ArcSwapOption::default(),
            next_id: AtomicU64::new(1),
        }
    }

    /// Calls a tool outside of any client's request.
    pub fn call_tool(
        self: &Arc<Self>,
        tool: &str,
        arguments: &RawValue,
        trace: Option<&PropagatedTrace>,
        subscriber: Option<RequestSubscriber>,
    ) -> InFlight {
        let id = self.next_id();
        let line = mcp::call_tool(id, tool, arguments, self.era(), wants_progress(subscriber.as_ref()), trace);
        self.dispatch(id, line, subscriber, None)
    }

    /// Sends a client's request of any method.
    pub fn send_request(
        self: &Arc<Self>,
        request: &Request,
        client: &Declared,
        subscriber: Option<RequestSubscriber>,
    ) -> InFlight {
        let id = self.next_id();
        let line = mcp::client_request(id, request, client, self.era(), wants_progress(subscriber.as_ref()));
        self.dispatch(id, line, subscriber, client.level())
    }

    /// Its lists, as of the last time they were read; empty until the handshake has ended.
    pub fn listing(&self) -> Arc<Listing> {
        self.listing.load_full()
    }

    /// The tools, each as the server wrote it, as of its last list.
    pub fn tools(&self) -> Arc<Vec<Arc<RawValue>>> {
        self.listing.load().tools.clone()
    }

    /// Hashes of the definitions of its tools, as of its last list; made once for each list.
    pub fn definitions(&self) -> Arc<DefinitionHashes> {
        let tools = self.tools();
        let last = self.definitions.load_full().filter(|last| Arc::ptr_eq(&last.0, &tools));
        let hashes = last.map(|last| last.1.clone());
        hashes.unwrap_or_else(|| {
            let hashes = Arc::new(pins::hashes(&*tools));
            self.definitions.store(Some(Arc::new((tools, hashes.clone()))));
            hashes
        })
    }

    /// The era; the legacy one until the handshake has found out.
    pub fn era(&self) -> Era {
        self.era.get().copied().unwrap_or(Era::Legacy)
    }

    /// Passes a client's notification on. It is dropped where it cannot be sent.
    pub fn forward_notification(&self, notification: &Request) {
        self.notify(mcp::client_notification(notification, self.era()));
    }

    /// Sends a request that `line` makes from the id and the era.
    pub(super) fn request(self: &Arc<Self>, line: impl FnOnce(u64, Era) -> Bytes) -> InFlight {
        self.request_as(self.next_id(), line)
    }

    /// Sends a request with an id from [`ServerInstance::next_id`].
    pub(super) fn request_as(self: &Arc<Self>, id: u64, line: impl FnOnce(u64, Era) -> Bytes) -> InFlight {
        self.dispatch(id, line(id, self.era()), None, None)
    }

    /// Sends a line that wants no answer.
    pub(super) fn notify(&self, line: Bytes) {
        if let Some(mailbox) = self.mailbox.get() {
            mailbox.notify.do_send(Notify(line));
        }
    }

    /// Notifies its actor that other resources are watched than before.
    pub(super) fn notify_watches_changed(&self) {
        if let Some(mailbox) = self.mailbox.get() {
            mailbox.watches.do_send(WatchesChanged);
        }
    }

    /// Receiver of answers to its own requests.
    pub(super) fn answers(&self) -> Option<Recipient<AnswerServerRequest>> {
        self.mailbox.get().map(|mailbox| mailbox.responses.clone())
    }

    pub(super) fn set_mailbox(&self, mailbox: Mailbox) {
        // Set once, right after the actor was started.
        let _ = self.mailbox.set(mailbox);
    }

    pub(super) fn set_era(&self, era: Era) {
        // One era per process, for life.
        let _ = self.era.set(era);
    }

    /// Takes note of what the handshake found.
    pub(super) fn complete_handshake(&self, listing: Listing) {
        let _ = self.capabilities.set(Capabilities::of(&listing.greeting));
        self.listing.store(Arc::new(listing));
    }

    /// Capabilities that the server declared in the handshake.
    pub(super) fn capabilities(&self) -> Capabilities {
        self.capabilities.get().cloned().unwrap_or_default()
    }

    /// The revision agreed on, once there is one.
    pub fn version(&self) -> Option<String> {
        Some(self.listing.load().version.clone()).filter(|version| !version.is_empty())
    }

    /// Fault of it though it is ready.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.load().as_deref().cloned()
    }

    pub(super) fn set_fault(&self, fault: Option<String>) {
        self.fault.store(fault.map(Arc::new));
    }

    /// The last refusal of its sandbox that the error of a tool tells of.
    pub(super) fn refusal(&self) -> Option<Box<Refusal>> {
        self.refusal.load().as_deref().cloned().map(Box::new)
    }

    /// Takes note of a refusal of its sandbox that the error of a tool tells of; returns it, unless it is the last one
    /// again. Nothing secret may be in `error`.
    pub fn learn_refusal(&self, error: &str) -> Option<Refusal> {
        let refusal = self.launch.refusal(|| error.lines().map(str::to_owned).collect())?;
        let last = self.refusal.swap(Some(Arc::new(refusal.clone())));
        (last.as_deref() != Some(&refusal)).then_some(refusal)
    }

    pub(super) fn set_listing(&self, listing: Arc<Listing>) {
        self.listing.store(listing);
    }

    /// An id that no other request of this process has.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    fn dispatch(
        self: &Arc<Self>,
        id: u64,
        line: Bytes,
        subscriber: Option<RequestSubscriber>,
        level: Option<Level>,
    ) -> InFlight {
        let (reply, answer) = oneshot::channel();
        match self.mailbox.get() {
            Some(mailbox) if mailbox.dispatch.connected() => {
                mailbox.dispatch.do_send(Dispatch { id, line, subscriber, level, reply })
            }
            Some(_) | None => drop(reply.send(Answer::NotSent)),
        }
        InFlight { instance: Some(self.clone()), id, answer }
    }
}

fn wants_progress(subscriber: Option<&RequestSubscriber>) -> bool {
    subscriber.is_some_and(|subscriber| subscriber.token.is_some())
}

/// A request in flight. Dropping it sends the server a cancellation.
pub struct InFlight {
    /// `None` once it is answered.
    instance: Option<Arc<ServerInstance>>,
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
        if let Some(mailbox) = self.instance.take().as_deref().and_then(|instance| instance.mailbox.get()) {
            mailbox.abandon.do_send(Abandon { id: self.id });
        }
    }
}
