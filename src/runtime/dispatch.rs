//! One call on its way to a process and back, inside its deadline.

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use crate::{
    mcp::{self, RpcError},
    runtime::{Runtime, calls::Call},
    supervisor::{Availability, ChildView, Instance, messages::Answer},
};

/// How a call went.
#[derive(Debug)]
pub(super) enum Reply {
    /// The tool's result.
    Succeeded(Arc<RawValue>),
    /// The tool or the server said no.
    Failed { message: String, answer: Arc<RawValue> },
    /// There was no process to ask, or it ended.
    Unavailable(String),
    /// The deadline passed.
    Expired,
    /// The caller went away.
    Cancelled,
}

impl Reply {
    /// What the server sent, if anything.
    pub fn said(&self) -> Option<&Arc<RawValue>> {
        match self {
            Self::Succeeded(answer) | Self::Failed { answer, .. } => Some(answer),
            Self::Unavailable(_) | Self::Expired | Self::Cancelled => None,
        }
    }

    /// What went wrong, in words.
    pub fn fault(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Succeeded(_) => None,
            Self::Failed { message, .. } => Some(message.into()),
            Self::Unavailable(reason) => Some(reason.into()),
            Self::Expired => Some("no answer before the deadline".into()),
            Self::Cancelled => Some("cancelled: the caller went away".into()),
        }
    }
}

impl Runtime {
    /// Makes a call; answers how it went and how many milliseconds it took from dispatch.
    pub(super) async fn dispatch(&self, call: &Call, gone: oneshot::Receiver<()>) -> (Reply, i64) {
        let mut since = Instant::now();
        let reply = tokio::select! {
            biased;
            reply = tokio::time::timeout(call.timeout, ask(call, &mut since)) => reply.unwrap_or(Reply::Expired),
            _ = gone => Reply::Cancelled,
        };
        (reply, milliseconds(since.elapsed()))
    }
}

/// Asks whichever process serves, and the next one if the first never got the request.
async fn ask(call: &Call, since: &mut Instant) -> Reply {
    let mut view = call.server.link.view.clone();
    loop {
        let instance = match serving(&mut view).await {
            Ok(instance) => instance,
            Err(reason) => return Reply::Unavailable(reason),
        };
        *since = Instant::now();
        let follower = call.notes.clone();
        let mut request = instance.call_tool(&call.tool, &call.arguments, None, follower);
        match request.answer().await {
            Answer::Result(result) => return judged(result),
            Answer::Error(error) => return refused(error),
            Answer::Died(reason) => return Reply::Unavailable(reason),
            Answer::TooLong => return too_long(),
            Answer::Unread => return Reply::Unavailable("it does not read what is sent to it".into()),
            // It is ending, so the view is about to change.
            Answer::NotSent => drop(view.changed().await),
        }
    }
}

/// The process that takes calls; waits while one is coming.
async fn serving(view: &mut watch::Receiver<ChildView>) -> Result<Arc<Instance>, String> {
    loop {
        match &view.borrow_and_update().availability {
            Availability::Ready(instance) => return Ok(instance.clone()),
            Availability::Down(reason) => return Err(reason.clone()),
            Availability::Coming => {}
        }
        if view.changed().await.is_err() {
            return Err("it was removed".into());
        }
    }
}

fn judged(result: Arc<RawValue>) -> Reply {
    match mcp::tool_error_text(&result) {
        Some(message) => Reply::Failed { message, answer: result },
        None => Reply::Succeeded(result),
    }
}

fn refused(error: Arc<RawValue>) -> Reply {
    let said: Option<RpcError> = serde_json::from_str(error.get()).ok();
    let message =
        said.map_or_else(|| "the server refused the call".into(), |said| format!("{} ({})", said.message, said.code));
    Reply::Failed { message, answer: error }
}

/// The server did answer, but what it said is gone.
fn too_long() -> Reply {
    let message = "the answer is longer than 16 MiB".to_owned();
    let answer = serde_json::json!({ "code": -32603, "message": message });
    match serde_json::value::to_raw_value(&answer) {
        Ok(answer) => Reply::Failed { message, answer: Arc::from(answer) },
        Err(_) => Reply::Unavailable(message),
    }
}

fn milliseconds(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}
