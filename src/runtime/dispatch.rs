//! A request on its way to a process and back, inside its deadline.

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use crate::{
    mcp::{self, Era, RpcError},
    model::TimelineLevel,
    runtime::{Runtime, calls::Call},
    supervisor::{Availability, ChildView, InFlight, Instance, Link, messages::Answer},
    telemetry::{NoResponse, OperationOutcome},
};

/// How a call went.
#[derive(Debug)]
pub(super) enum Reply {
    /// The tool's result.
    Succeeded(Arc<RawValue>),
    /// The tool said no: its result.
    Failed { message: String, answer: Arc<RawValue> },
    /// The server said no: its error object.
    Refused { message: String, answer: Arc<RawValue> },
    /// There was no process to ask, or it ended.
    Unavailable(String),
    /// The deadline passed.
    Expired,
    /// The caller went away.
    Cancelled,
}

impl Reply {
    /// What became of the call, in words, and how much that matters.
    pub fn outcome(&self) -> (TimelineLevel, &'static str) {
        match self {
            Self::Succeeded(_) => (TimelineLevel::Info, "succeeded"),
            Self::Failed { .. } => (TimelineLevel::Warn, "failed"),
            Self::Refused { .. } => (TimelineLevel::Warn, "was refused"),
            Self::Unavailable(_) => (TimelineLevel::Warn, "met no server"),
            Self::Expired => (TimelineLevel::Warn, "was not answered in time"),
            Self::Cancelled => (TimelineLevel::Info, "was cancelled"),
        }
    }

    /// What the server sent, if anything.
    pub fn said(&self) -> Option<&Arc<RawValue>> {
        match self {
            Self::Succeeded(answer) | Self::Failed { answer, .. } | Self::Refused { answer, .. } => Some(answer),
            Self::Unavailable(_) | Self::Expired | Self::Cancelled => None,
        }
    }

    /// The outcome for spans and metrics.
    pub fn operation_outcome(&self) -> OperationOutcome<'_> {
        match self {
            Self::Succeeded(_) => OperationOutcome::Success,
            Self::Failed { .. } => OperationOutcome::ToolError,
            Self::Refused { answer, .. } => OperationOutcome::RpcError(answer),
            Self::Unavailable(_) => OperationOutcome::NoResponse(NoResponse::ServerUnavailable),
            Self::Expired => OperationOutcome::NoResponse(NoResponse::Timeout),
            Self::Cancelled => OperationOutcome::NoResponse(NoResponse::Cancelled),
        }
    }

    /// What went wrong, in words.
    pub fn fault(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Succeeded(_) => None,
            Self::Failed { message, .. } | Self::Refused { message, .. } => Some(message.into()),
            Self::Unavailable(reason) => Some(reason.into()),
            Self::Expired => Some("no answer before the deadline".into()),
            Self::Cancelled => Some("cancelled: the caller went away, or may not call it any more".into()),
        }
    }
}

/// A request as it left Ostler last.
pub(super) struct Sent {
    /// When; before that, when it was to be sent.
    pub at: Instant,
    /// To which process, and the id it has there.
    pub to: Option<(Arc<Instance>, u64)>,
}

impl Sent {
    /// A request that has not left yet.
    pub fn not_yet() -> Self {
        Self { at: Instant::now(), to: None }
    }
}

/// What a process said to a request.
pub(super) struct Heard {
    /// Its result, or its error object.
    pub outcome: Result<Arc<RawValue>, Arc<RawValue>>,
    /// The era it speaks.
    pub era: Era,
}

impl Runtime {
    /// Makes a call; answers how it went, how many milliseconds it took from dispatch, and the era of who answered.
    pub(super) async fn dispatch(
        &self,
        call: &Call,
        sent: &mut Sent,
        expired: Option<oneshot::Receiver<()>>,
        gone: oneshot::Receiver<()>,
    ) -> (Reply, i64, Era) {
        let mut era = Era::Legacy;
        let asked = async {
            match ask(call, sent).await {
                Ok(heard) => {
                    era = heard.era;
                    heard.outcome.map_or_else(refused, judged)
                }
                Err(reason) => Reply::Unavailable(reason),
            }
        };
        let reply = tokio::select! {
            biased;
            reply = tokio::time::timeout(call.timeout, asked) => reply.unwrap_or(Reply::Expired),
            () = told(expired) => Reply::Expired,
            _ = gone => Reply::Cancelled,
        };
        (reply, milliseconds(sent.at.elapsed()), era)
    }
}

/// Completes when somebody says so; never where nobody can any more.
pub(super) async fn told(said: Option<oneshot::Receiver<()>>) {
    let told = match said {
        Some(said) => said.await.is_ok(),
        None => false,
    };
    if !told {
        std::future::pending::<()>().await;
    }
}

async fn ask(call: &Call, sent: &mut Sent) -> Result<Heard, String> {
    if !call.permitted {
        let message = format!("Unknown tool: {}", call.tool);
        return Ok(Heard { outcome: Err(mcp::error(-32602, &message, None)), era: Era::Legacy });
    }
    let send = |instance: &Arc<Instance>| match &call.whole {
        Some((request, declared)) => instance.ask(request, declared, call.notes.clone()),
        None => {
            let trace = call.trace.map(|trace| trace.to_string());
            instance.call_tool(&call.tool, &call.arguments, trace.as_deref(), call.notes.clone())
        }
    };
    deliver(call.link(), send, sent).await
}

/// Asks whichever process serves, and the next one if the first never got the request; the error says why none answered.
pub(super) async fn deliver(
    link: &Link,
    send: impl Fn(&Arc<Instance>) -> InFlight,
    sent: &mut Sent,
) -> Result<Heard, String> {
    let mut view = link.view.clone();
    loop {
        let instance = serving(&mut view).await?;
        sent.at = Instant::now();
        let heard = |outcome| Ok(Heard { outcome, era: instance.era() });
        let mut request = send(&instance);
        sent.to = Some((instance.clone(), request.id()));
        match request.answer().await {
            Answer::Result(result) => return heard(Ok(result)),
            Answer::Error(error) => return heard(Err(error)),
            // The server did answer, but what it said is gone.
            Answer::TooLong => {
                return heard(Err(mcp::error(-32603, "the answer is over 16 MiB, or had no room", None)));
            }
            Answer::Died(reason) => return Err(reason),
            Answer::Unread => return Err("it does not read what is sent to it".into()),
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
    Reply::Refused { message, answer: error }
}

fn milliseconds(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}
