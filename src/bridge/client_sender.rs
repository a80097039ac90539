//! Where messages to a client go while its request is being answered, or on its standalone stream.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::bridge::Outcome;

/// One stream of messages to a client.
pub trait Channel: Send + Sync {
    /// Adds a message, and answers whether it did: the stream may have ended. Waits while the client is slow.
    fn send(&self, message: Arc<str>) -> BoxFuture<'_, bool>;
}

/// What is asked of a client, and not yet answered, by the ids we gave.
#[derive(Default)]
pub struct Questions {
    next_id: AtomicU64,
    open: Mutex<HashMap<u64, oneshot::Sender<Outcome>>>,
}

/// A question that is open; dropping it closes it.
struct Question<'a> {
    id: u64,
    questions: &'a Questions,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.questions.lock().remove(&self.id);
    }
}

impl Questions {
    /// Takes an answer; false where nothing of this id was asked.
    pub fn settle(&self, id: u64, outcome: Outcome) -> bool {
        let asker = self.lock().remove(&id);
        asker.is_some_and(|asker| asker.send(outcome).is_ok())
    }

    fn open(&self) -> (u64, oneshot::Receiver<Outcome>) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.lock().insert(id, sender);
        (id, answer)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Outcome>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending end of one stream to a client; cheap to clone.
#[derive(Clone)]
pub struct Outlet {
    channel: Arc<dyn Channel>,
    /// `None` in the era in which servers do not ask.
    questions: Option<Arc<Questions>>,
    request: Option<Arc<RawValue>>,
}

impl Outlet {
    pub fn new(channel: Arc<dyn Channel>, questions: Option<Arc<Questions>>) -> Self {
        Self { channel, questions, request: None }
    }

    /// The same for what is about the request of this id.
    pub fn about(self, request: Arc<RawValue>) -> Self {
        Self { request: Some(request), ..self }
    }

    /// The id of the request that this is about, as the client wrote it.
    pub fn request(&self) -> Option<&Arc<RawValue>> {
        self.request.as_ref()
    }

    /// Sends a notification; waits while the client is slow, and does nothing where it is gone.
    pub async fn tell(&self, method: &str, params: Option<&RawValue>) {
        self.channel.send(message("", method, params).into()).await;
    }

    /// Asks the client, and waits for its answer; `None` where it cannot be asked or is gone.
    pub async fn ask(&self, method: &str, params: Option<&RawValue>) -> Option<Outcome> {
        let questions = self.questions.as_ref()?;
        let (id, answer) = questions.open();
        let question = Question { id, questions };
        let asked = message(&format!("\"id\":{},", question.id), method, params);
        if !self.channel.send(asked.into()).await {
            return None;
        }
        answer.await.ok()
    }
}

fn message(id: &str, method: &str, params: Option<&RawValue>) -> String {
    let params = params.map(|params| format!(",\"params\":{params}")).unwrap_or_default();
    format!("{{\"jsonrpc\":\"2.0\",{id}\"method\":{}{params}}}", serde_json::Value::from(method))
}
