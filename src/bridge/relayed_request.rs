//! One request in flight at a server: its notifications and server requests, then its response.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use super::server_deadline::ServerDeadline;
use crate::{
    Runtime,
    calls::{ClientRequest, ServerResponse},
    error::{Error, Result},
    listings::ListedServer,
    mcp::{McpClient, Request},
    model::{Isolation, Principal},
    policy::call::TIMEOUT_MAX,
    supervisor::messages::{RequestEvent, RequestSubscriber},
};

/// Events queued for a slow client. The server is not slowed down: what does not fit is dropped.
const QUEUED_EVENTS_MAX: usize = 64;

/// A request in flight. Dropping it cancels the request.
pub(super) struct RelayedRequest {
    answer: Pin<Box<dyn Future<Output = Result<ServerResponse>> + Send>>,
    deadline: Option<ServerDeadline>,
    /// Expires the request when the deadline has passed.
    expire: Option<oneshot::Sender<()>>,
    is_waiting: Arc<AtomicBool>,
    events: mpsc::Receiver<RequestEvent>,
    response: Option<Result<ServerResponse>>,
    queued: VecDeque<RequestEvent>,
}

/// An event of a relayed request.
pub(super) enum RelayEvent {
    /// A notification or a server request that relates to it.
    Server(RequestEvent),
    /// Its response, or the error that no response can come. Always the last event.
    Answer(Result<ServerResponse>),
}

impl RelayedRequest {
    /// Sends `request` to a server for `client`; `token` is its progress token.
    ///
    /// The default deadline holds. A server with isolated processes may ask the user something, which is not counted.
    pub(super) fn begin(
        runtime: &Runtime,
        who: &Arc<Principal>,
        client: Arc<McpClient>,
        listed: &ListedServer,
        request: Arc<Request>,
        token: Option<Arc<RawValue>>,
    ) -> Self {
        let server = listed.id;
        let (timeout, deadline) = match listed.isolation {
            Isolation::Shared => (None, None),
            Isolation::PerUser | Isolation::PerSession => {
                (Some(TIMEOUT_MAX), Some(ServerDeadline::new(runtime.calls().default_timeout())))
            }
        };
        let (sender, events) = mpsc::channel(QUEUED_EVENTS_MAX);
        let is_waiting = Arc::default();
        let (owner, capabilities) = (client.session, Arc::clone(&client.capabilities));
        let subscriber =
            Some(RequestSubscriber { token, owner, is_waiting: Arc::clone(&is_waiting), capabilities, events: sender });
        let (runtime, who) = (runtime.clone(), Arc::clone(who));
        let (expire, expired) = deadline.as_ref().map(|_| oneshot::channel()).unzip();
        let ask = ClientRequest { request, client, timeout, expired, subscriber };
        let answer = Box::pin(async move { runtime.calls().forward(&who, server, ask).await });
        Self { answer, deadline, expire, is_waiting, events, response: None, queued: VecDeque::new() }
    }

    /// Marks the request as suspended: it waits for the client to send it again.
    pub(super) fn set_waiting(&mut self, is_waiting: bool) {
        self.is_waiting.store(is_waiting, Ordering::Relaxed);
        self.pause(is_waiting);
    }

    /// Pauses the deadline while the server waits for the client.
    pub(super) fn pause(&mut self, pause: bool) {
        if let Some(deadline) = &mut self.deadline {
            deadline.pause(pause);
        }
    }

    /// Reports a timeout with the limit that the server had, not with the outer one.
    fn with_own_limit(&self, error: Error) -> Error {
        match (error, &self.deadline, &self.expire) {
            (Error::CallTimeout(_), Some(deadline), None) => Error::CallTimeout(deadline.limit()),
            (error, ..) => error,
        }
    }

    /// The next event. Cancel safe.
    pub(super) async fn next(&mut self) -> RelayEvent {
        while self.response.is_none() {
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => return RelayEvent::Server(event),
                response = &mut self.answer => {
                    self.response = Some(response.map_err(|error| self.with_own_limit(error)));
                }
                () = deadline_passed(self.deadline.as_ref()), if self.expire.is_some() => {
                    // The answer is then that it came too late, once that is on record.
                    let _ = self.expire.take().map(|expire| expire.send(()));
                }
            }
            // Notifications that the server sent before its answer are delivered before it.
            while let Ok(event) = self.events.try_recv() {
                self.queued.push_back(event);
            }
        }
        if let Some(event) = self.queued.pop_front() {
            return RelayEvent::Server(event);
        }
        match self.response.take() {
            Some(response) => RelayEvent::Answer(response),
            None => std::future::pending().await,
        }
    }
}

/// Completes when the deadline has passed; never where there is none.
async fn deadline_passed(deadline: Option<&ServerDeadline>) {
    match deadline {
        Some(deadline) => deadline.passed().await,
        None => std::future::pending().await,
    }
}

/// The progress token that the client gave a request.
pub(super) fn progress_token(request: &Request) -> Option<Arc<RawValue>> {
    request.meta()?.get("progressToken").cloned()
}
