//! Calling tools: permission, limit, deadline, record.

use std::{sync::Arc, time::Duration};

use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::Instant,
};

use crate::{
    error::{Error, Result, ToolFailure},
    events::{LiveEvent, short_text},
    mcp::{self, Declared, Era},
    model::{CallId, Principal, ServerId, TimelineLevel, Timestamp, ToolCall, TraceContext, UserId},
    placement::Lease,
    policy::{call, nesting, payload, permission},
    registry::Registered,
    revocation::RequiredRight,
    runtime::{
        Runtime,
        dispatch::{Reply, Sent},
        operation,
    },
    supervisor::{
        Link,
        messages::{Follower, Note},
    },
    tasks::run_to_completion,
};

/// A tool call to make.
#[derive(Debug)]
pub struct CallRequest {
    /// The tool's name.
    pub tool: String,
    /// Its arguments, a JSON object, passed on byte for byte; `None` is `{}`.
    pub parameters: Option<Box<RawValue>>,
    /// Deadline; `None` is the default. At most an hour.
    pub timeout: Option<Duration>,
    /// Where progress notifications go, if anywhere: as the server wrote them, with the id of the call as `progressToken`.
    pub progress: Option<mpsc::Sender<Note>>,
    /// Where in which trace it is made, if in any.
    pub trace: Option<TraceContext>,
}

impl CallRequest {
    /// A call with the default deadline and no progress; `parameters` is a JSON object, or null where there are none.
    #[must_use]
    pub fn new(tool: impl Into<String>, parameters: Value) -> Self {
        // A value can always be written.
        let parameters = to_raw_value(&parameters).ok();
        Self { tool: tool.into(), parameters, timeout: None, progress: None, trace: None }
    }

    /// Whether it could be made, whoever asks: [`Runtime::call`] refuses with the same `Invalid` or `Malformed`.
    pub fn check(&self) -> Result<()> {
        let parameters = self.parameters.as_deref().map(RawValue::get);
        call::faults(&self.tool, parameters, self.timeout).into_result()?;
        if parameters.is_some_and(|json| nesting::exceeds(json, nesting::SENT_MAX)) {
            return Err(Error::Malformed(format!("parameters: {}", nesting::TOO_DEEP)));
        }
        Ok(())
    }
}

/// A call that succeeded, and is on record.
#[derive(Clone, Debug)]
pub struct CallOutcome {
    /// The call on record.
    pub call_id: CallId,
    /// The MCP `CallToolResult`, byte for byte.
    pub result: Arc<RawValue>,
    /// Milliseconds from dispatch to answer.
    pub execution_time: i64,
}

impl CallOutcome {
    /// The text that the tool gave, its parts joined by line ends; empty where it gave none.
    #[must_use]
    pub fn text(&self) -> String {
        mcp::tool_text(&self.result)
    }
}

/// A call that was let in, on its way to its record.
pub(super) struct Call {
    pub id: CallId,
    pub user_id: UserId,
    pub server: Arc<Registered>,
    /// The caller's own process, where they have one.
    pub lease: Option<Lease>,
    pub tool: String,
    /// Whether callers may know of the tool; it is as good as unknown where not.
    pub permitted: bool,
    pub arguments: Arc<RawValue>,
    /// The whole request and whose it is, where an MCP client made it.
    pub whole: Option<(Arc<mcp::Request>, Declared)>,
    /// Where in which trace it is made, where the request itself does not say so.
    pub trace: Option<TraceContext>,
    pub timeout: Duration,
    /// Ends it before that, as the deadline would.
    pub expired: Option<oneshot::Receiver<()>>,
    pub notes: Option<Follower>,
    pub created_at: Timestamp,
}

impl Call {
    /// Where in which trace it is made.
    pub fn context(&self) -> Option<TraceContext> {
        let said = || self.whole.as_ref()?.0.traceparent();
        self.trace.or_else(|| TraceContext::parse(&said()?))
    }

    /// Where the process is that takes it.
    pub fn link(&self) -> &Link {
        self.lease.as_ref().map_or(&self.server.link, Lease::link)
    }
}

/// A call that was made, and is on record.
pub(super) struct Made {
    pub reply: Reply,
    pub execution_time: i64,
    /// What who answered speaks.
    pub era: Era,
}

impl Runtime {
    /// Calls a tool; waits for a starting server inside the deadline.
    ///
    /// Dropping the future cancels the call, which is recorded all the same; so does the end of the right to make it.
    pub async fn call(&self, who: &Principal, id: ServerId, request: CallRequest) -> Result<CallOutcome> {
        request.check()?;
        let server = self.inner.registry.reach(who, id, permission::EXECUTES, "tool.call")?;
        self.inner.access.limits().tool_execute(who)?;
        let work = self.inner.lifecycle.begin_work()?;
        let lease = self.inner.placement.lease(who, &server, None).await?;
        let call = self.let_in(who, server, lease, request);
        let (call_id, timeout) = (call.id, call.timeout);
        let needs = RequiredRight::Server(id, permission::EXECUTES);
        outcome(call_id, timeout, self.inner.revocation.while_permitted(who, needs, self.make(call, work)).await??)
    }

    /// Makes a call in a task of its own; dropping the future cancels it.
    pub(super) async fn make(&self, call: Call, work: OwnedSemaphorePermit) -> Result<Made> {
        let slots = call.server.slots.clone();
        let Ok(slot) = slots.try_acquire_owned() else {
            self.inner.telemetry.metrics().call_rejected();
            return Err(Error::Busy("the server has as many calls as it takes"));
        };
        let ready = self.inner.recorder.ready().await;
        if let Err(Error::Busy(_)) = ready {
            self.inner.telemetry.metrics().call_rejected();
        }
        ready?;
        let (present, gone) = oneshot::channel();
        let runtime = self.clone();
        let finished = tokio::spawn(async move {
            let made = runtime.carry_out(call, gone).await;
            drop((work, slot));
            made
        });
        let made = finished.await.map_err(|_| Error::Internal("a call panicked".into()))?;
        // Held until here: that it is dropped earlier tells the call that nobody waits.
        drop::<oneshot::Sender<()>>(present);
        made
    }

    fn let_in(&self, who: &Principal, server: Arc<Registered>, lease: Option<Lease>, request: CallRequest) -> Call {
        let CallRequest { tool, parameters, timeout, progress, trace } = request;
        let given = parameters.filter(|arguments| arguments.get() != "null");
        let arguments = given.map_or_else(mcp::empty_object, Arc::from);
        let id = CallId::new();
        let token = RawValue::from_string(format!("\"{id}\"")).ok().map(Arc::from);
        let (owner, waits, capabilities) = (uuid::Uuid::new_v4(), Arc::default(), mcp::empty_object());
        let notes = progress.map(|notes| Follower { token, owner, waits, capabilities, notes });
        Call {
            id,
            user_id: who.user_id,
            permitted: self.permits(who, &server, &tool),
            server,
            lease,
            whole: None,
            trace,
            tool,
            arguments,
            timeout: timeout.unwrap_or(self.inner.settings.call_timeout),
            expired: None,
            notes,
            created_at: Timestamp::now(),
        }
    }

    /// Makes the call and records it, before anybody hears how it went.
    async fn carry_out(&self, mut call: Call, gone: oneshot::Receiver<()>) -> Result<Made> {
        let (came, expired) = (Instant::now(), call.expired.take());
        let operation = operation::begin_tool_call(&self.inner.telemetry, &mut call);
        let mut sent = Sent::not_yet();
        let (reply, execution_time, era) = self.dispatch(&call, &mut sent, expired, gone).await;
        let operation = operation::with_sent_request(operation, &sent);
        operation::with_tool(operation, &call).end(reply.operation_outcome());
        let most = self.inner.settings.retention.payload_bytes;
        let record = record(&call, &reply, execution_time, came.elapsed(), most);
        let (success, fault) = (record.success, record.error_message.as_deref().map(short_text));
        let (recorder, server) = (self.inner.recorder.clone(), call.server.clone());
        let (history, bytes) = (self.inner.history.clone(), record.bytes());
        let recorded = run_to_completion(async move {
            recorder.call(record).await?;
            history.count_recorded(bytes);
            server.counters.add(success, execution_time);
            Ok(())
        });
        recorded.await.map_err(|cause| {
            log::error!(server:% = call.server.id, cause:%; "a call was made but could not be recorded");
            call.server.link.note(TimelineLevel::Error, "a call was made but could not be recorded");
            unrecorded(cause)
        })?;
        self.inner.telemetry.metrics().call_recorded(reply.operation_outcome(), execution_time);
        let (level, outcome) = reply.outcome();
        call.server.link.log.call(call.id, level, short_text(&call.tool), outcome, execution_time);
        self.inner.events.publish_call(&call.server, success, || told(&call, success, fault, execution_time));
        log::debug!(server:% = call.server.id, call:% = call.id, ms = execution_time, success; "tool called");
        Ok(Made { reply, execution_time, era })
    }
}

/// What those who watch are told of a call.
fn told(call: &Call, success: bool, error_message: Option<String>, execution_time: i64) -> LiveEvent {
    LiveEvent::Call {
        id: call.id,
        server_id: call.server.id,
        tool_name: short_text(&call.tool),
        user_id: call.user_id,
        success,
        error_message,
        execution_time,
        created_at: call.created_at,
    }
}

/// What to tell a caller whose call was made; the reason says whether it may still be recorded.
fn unrecorded(cause: Error) -> Error {
    let known = "the tool was called, but the call could not be recorded";
    let reason = if let Error::StoreUnavailable(reason) = cause { format!(": {reason}") } else { String::new() };
    Error::StoreUnavailable(format!("{known}{reason}"))
}

/// What is kept of a call: secrets masked, no payload longer than `most`, and no word that PostgreSQL could not hold.
fn record(call: &Call, reply: &Reply, execution_time: i64, all: Duration, most: usize) -> ToolCall {
    let mask = call.server.mask.load();
    let masked = |json: &Arc<RawValue>| mask.json(json).map_or_else(|| json.clone(), Arc::from);
    let (parameters, parameters_excerpt) = payload::recorded(masked(&call.arguments), most);
    let (response, response_excerpt) =
        reply.said().map(|json| payload::recorded(masked(json), most)).unwrap_or_default();
    ToolCall {
        id: call.id,
        server_id: call.server.id,
        user_id: call.user_id,
        tool_name: call.tool.clone(),
        parameters,
        parameters_excerpt,
        response,
        response_excerpt,
        success: matches!(reply, Reply::Succeeded(_)),
        error_message: reply.fault().map(|fault| payload::reason(&mask.text(&fault).replace('\0', "\u{fffd}"))),
        execution_time,
        created_at: call.created_at,
        waited: i64::try_from(all.as_millis()).unwrap_or(i64::MAX).saturating_sub(execution_time).max(0),
        trace_id: call.context().map(|context| context.trace()),
    }
}

fn outcome(call_id: CallId, timeout: Duration, Made { reply, execution_time, .. }: Made) -> Result<CallOutcome> {
    match reply {
        Reply::Succeeded(result) => Ok(CallOutcome { call_id, result, execution_time }),
        Reply::Failed { message, answer } | Reply::Refused { message, answer } => {
            let call_id = call_id.to_string();
            Err(Error::ToolFailed(Box::new(ToolFailure { message, answer, call_id, execution_time })))
        }
        Reply::Unavailable(reason) => Err(Error::ServerUnavailable(reason)),
        Reply::Expired => Err(Error::CallTimeout(timeout)),
        Reply::Cancelled => Err(Error::NotReady("nobody waited for the call")),
    }
}
