//! The sending side of a stream to a client: messages about its request, or those of its standalone stream.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::bridge::RpcResult;

/// A stream of messages to a client.
pub(crate) trait ClientStream: Send + Sync {
    /// Appends a message; `false` where the stream has ended. Waits while the client is slow.
    fn send(&self, message: Arc<str>) -> BoxFuture<'_, bool>;
}

/// Requests to a client that await its response, by the ids Ostler gave them.
#[derive(Default)]
pub(crate) struct ClientRequests {
    next_id: AtomicU64,
    open: Mutex<HashMap<u64, oneshot::Sender<RpcResult>>>,
}

/// A request that awaits its response; dropping it gives the response up.
struct AwaitedResponse<'a> {
    id: u64,
    requests: &'a ClientRequests,
}

impl Drop for AwaitedResponse<'_> {
    fn drop(&mut self) {
        self.requests.open.lock().remove(&self.id);
    }
}

impl ClientRequests {
    /// Delivers a response; `false` where no request of this id awaits one.
    pub(crate) fn resolve(&self, id: u64, outcome: RpcResult) -> bool {
        let waiting = self.open.lock().remove(&id);
        waiting.is_some_and(|waiting| waiting.send(outcome).is_ok())
    }

    fn open(&self) -> (u64, oneshot::Receiver<RpcResult>) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.open.lock().insert(id, sender);
        (id, answer)
    }
}

/// The sending end of one stream to a client; cheap to clone.
#[derive(Clone)]
pub(crate) struct ClientSender {
    stream: Arc<dyn ClientStream>,
    /// `None` in the newer era, in which servers send no requests.
    requests: Option<Arc<ClientRequests>>,
    request: Option<Arc<RawValue>>,
}

impl ClientSender {
    pub(crate) fn new(stream: Arc<dyn ClientStream>, requests: Option<Arc<ClientRequests>>) -> Self {
        Self { stream, requests, request: None }
    }

    /// Relates further messages to the request of this id.
    pub(crate) fn relating_to(self, request: Arc<RawValue>) -> Self {
        Self { request: Some(request), ..self }
    }

    /// The id of the related request, as the client wrote it.
    pub(crate) fn related_request(&self) -> Option<&Arc<RawValue>> {
        self.request.as_ref()
    }

    /// Sends a notification; waits while the client is slow, and does nothing once it is gone.
    pub(crate) async fn notify(&self, method: &str, params: Option<&RawValue>) {
        self.stream.send(message("", method, params).into()).await;
    }

    /// Sends a request and waits for the response; `None` where the client takes none or is gone.
    pub(crate) async fn request(&self, method: &str, params: Option<&RawValue>) -> Option<RpcResult> {
        let requests = self.requests.as_ref()?;
        let (id, answer) = requests.open();
        let awaited = AwaitedResponse { id, requests };
        let asked = message(&format!("\"id\":{},", awaited.id), method, params);
        if !self.stream.send(asked.into()).await {
            return None;
        }
        answer.await.ok()
    }
}

fn message(id: &str, method: &str, params: Option<&RawValue>) -> String {
    let params = params.map(|params| format!(",\"params\":{params}")).unwrap_or_default();
    format!("{{\"jsonrpc\":\"2.0\",{id}\"method\":{}{params}}}", serde_json::Value::from(method))
}
