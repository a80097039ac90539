//! [`Calls`]: tool calls are admitted, executed, and recorded before they are answered.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::Instant,
};
use uuid::Uuid;

use crate::{
    access::Access,
    calls::{
        admitted_call::AdmittedCall,
        dispatch::{self, Delivery},
        operation,
        record::record,
        reply::CallReply,
        request::{CallOutcome, CallRequest},
    },
    error::{Error, Result, ToolFailure},
    events::{Events, LiveEvent, short_text},
    history::History,
    listings::Listings,
    mcp::{self, Era},
    model::{CallId, Principal, ServerId, TimelineLevel, Timestamp},
    placement::{Lease, Placement},
    policy::permission,
    recorder::Recorder,
    registry::{Registered, Registry},
    revocation::{RequiredRight, Revocation},
    supervisor::messages::RequestSubscriber,
    tasks::lifecycle::Lifecycle,
    telemetry::Telemetry,
};

/// A call that was executed, and is on record.
pub(super) struct ExecutedCall {
    /// The reply.
    pub reply: CallReply,
    /// Milliseconds from dispatch to answer.
    pub execution_time: i64,
    /// The era of the server.
    pub era: Era,
}

/// Tool calls and every other request to a server.
pub struct Calls {
    pub(super) registry: Arc<Registry>,
    pub(super) access: Arc<Access>,
    pub(super) revocation: Arc<Revocation>,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) placement: Arc<Placement>,
    pub(super) listings: Arc<Listings>,
    pub(super) events: Arc<Events>,
    pub(super) history: Arc<History>,
    pub(super) recorder: Recorder,
    pub(super) telemetry: Telemetry,
    pub(super) default_timeout: Duration,
    pub(super) payload_bytes: usize,
}

impl Calls {
    /// Calls servers of `registry`; `default_timeout` is for calls that name none, `payload_bytes` the longest recorded
    /// payload.
    #[expect(clippy::too_many_arguments, reason = "a service's constructor names all it needs")]
    pub(crate) fn new(
        registry: Arc<Registry>,
        access: Arc<Access>,
        revocation: Arc<Revocation>,
        lifecycle: Arc<Lifecycle>,
        placement: Arc<Placement>,
        listings: Arc<Listings>,
        events: Arc<Events>,
        history: Arc<History>,
        recorder: Recorder,
        telemetry: Telemetry,
        default_timeout: Duration,
        payload_bytes: usize,
    ) -> Self {
        Self {
            registry,
            access,
            revocation,
            lifecycle,
            placement,
            listings,
            events,
            history,
            recorder,
            telemetry,
            default_timeout,
            payload_bytes,
        }
    }

    /// Deadline of calls that name none.
    pub fn default_timeout(&self) -> Duration {
        self.default_timeout
    }

    /// Calls a tool; waits for a starting server inside the deadline.
    ///
    /// Dropping the future cancels the call, which is recorded all the same; so does the end of the right to make it.
    ///
    /// ```no_run
    /// # async fn add(runtime: ostler::Runtime, id: ostler::model::ServerId) -> ostler::Result<()> {
    /// use ostler::{calls::CallRequest, serde_json::json};
    ///
    /// let sum = CallRequest::new("add", json!({"a": 2, "b": 3}));
    /// let sum = runtime.calls().call(runtime.embedder(), id, sum).await?;
    /// println!("{} is on record as {}", sum.text(), sum.call_id);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn call(self: &Arc<Self>, who: &Principal, id: ServerId, request: CallRequest) -> Result<CallOutcome> {
        request.check()?;
        let server = self.registry.reach(who, id, permission::EXECUTES, "tool.call")?;
        self.access.limits().tool_execute(who)?;
        let work = self.lifecycle.begin_work()?;
        let lease = self.placement.lease(who, &server, None).await?;
        let call = self.admit(who, server, lease, request);
        let (call_id, timeout) = (call.id, call.timeout);
        let needs = RequiredRight::Server(id, permission::EXECUTES);
        outcome(call_id, timeout, self.revocation.while_permitted(who, needs, self.execute(call, work)).await??)
    }

    /// Executes a call in a task of its own; dropping the future cancels it.
    pub(super) async fn execute(
        self: &Arc<Self>,
        call: AdmittedCall,
        work: OwnedSemaphorePermit,
    ) -> Result<ExecutedCall> {
        let slots = call.server.slots.clone();
        let Ok(slot) = slots.try_acquire_owned() else {
            self.telemetry.metrics().call_rejected();
            return Err(Error::Busy("the server has as many calls as it takes"));
        };
        let ready = self.recorder.ready().await;
        if let Err(Error::Busy(_)) = ready {
            self.telemetry.metrics().call_rejected();
        }
        ready?;
        let (present, gone) = oneshot::channel();
        let calls = self.clone();
        let executed = self.recorder.spawn(async move {
            let executed = calls.execute_and_record(call, gone).await;
            drop((work, slot));
            executed
        });
        let executed = executed.await.map_err(|_| Error::Internal("a call panicked".into()))?;
        // Held until here: that it is dropped earlier cancels the call.
        drop::<oneshot::Sender<()>>(present);
        executed
    }

    fn admit(
        &self,
        who: &Principal,
        server: Arc<Registered>,
        lease: Option<Lease>,
        request: CallRequest,
    ) -> AdmittedCall {
        let CallRequest { tool, parameters, timeout, progress, trace } = request;
        let given = parameters.filter(|arguments| arguments.get() != "null");
        let arguments = given.map_or_else(mcp::empty_object, Arc::from);
        let id = CallId::new();
        let token = RawValue::from_string(format!("\"{id}\"")).ok().map(Arc::from);
        let (owner, is_waiting, capabilities) = (Uuid::new_v4(), Arc::default(), mcp::empty_object());
        let progress = progress.map(|events| RequestSubscriber { token, owner, is_waiting, capabilities, events });
        AdmittedCall {
            id,
            user_id: who.user_id,
            permitted: self.listings.permits(who, &server, &tool),
            server,
            lease,
            mcp_request: None,
            trace,
            tool,
            arguments,
            timeout: timeout.unwrap_or(self.default_timeout),
            expired: None,
            progress,
            created_at: Timestamp::now(),
        }
    }

    /// Executes the call and records it, before its caller gets an answer.
    async fn execute_and_record(&self, mut call: AdmittedCall, gone: oneshot::Receiver<()>) -> Result<ExecutedCall> {
        let (admitted_at, expired) = (Instant::now(), call.expired.take());
        let operation = operation::begin_tool_call(&self.telemetry, &mut call);
        let mut delivery = Delivery::pending();
        let (reply, execution_time, era) =
            dispatch::dispatch(&call, &self.listings, &mut delivery, expired, gone).await;
        let operation = operation::with_sent_request(operation, &delivery);
        operation::with_tool(operation, &call).end(reply.operation_outcome());
        let record = record(&call, &reply, execution_time, admitted_at.elapsed(), self.payload_bytes);
        if reply.answer().is_some() {
            note_refusal(&call, &delivery, record.error_message.as_deref());
        }
        let (success, error_message) = (record.success, record.error_message.as_deref().map(short_text));
        let (recorder, server) = (self.recorder.clone(), call.server.clone());
        let (history, bytes) = (self.history.clone(), record.bytes());
        let recorded = self.recorder.complete_in_task(async move {
            recorder.call(record).await?;
            history.count_recorded(bytes);
            server.counters.add(success, execution_time);
            Ok(())
        });
        recorded.await.map_err(|cause| {
            log::error!(server:% = call.server.id, cause:%; "a call was made but could not be recorded");
            call.server.link.add_note(TimelineLevel::Error, "a call was made but could not be recorded");
            unrecorded(cause)
        })?;
        self.telemetry.metrics().call_recorded(reply.operation_outcome(), execution_time);
        let (level, outcome) = reply.outcome();
        call.server.link.log.call(call.id, level, short_text(&call.tool), outcome, execution_time);
        self.events.publish_call(&call.server, success, || event(&call, success, error_message, execution_time));
        log::debug!(server:% = call.server.id, call:% = call.id, ms = execution_time, success; "tool called");
        Ok(ExecutedCall { reply, execution_time, era })
    }
}

/// Notes what a sandbox refused to a tool, as far as its error tells: without secrets, and short.
fn note_refusal(call: &AdmittedCall, delivery: &Delivery, error: Option<&str>) {
    let Some((error, (process, _))) = error.zip(delivery.to.as_ref()) else { return };
    if let Some(refusal) = process.learn_refusal(error) {
        let text = format!("{} failed: {}", short_text(&call.tool), refusal.reason);
        call.link().add_note(TimelineLevel::Warn, &text);
    }
}

fn event(call: &AdmittedCall, success: bool, error_message: Option<String>, execution_time: i64) -> LiveEvent {
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

/// The error for the caller of a call that was made; the reason says whether it may still be recorded.
fn unrecorded(cause: Error) -> Error {
    let known = "the tool was called, but the call could not be recorded";
    let reason = if let Error::StoreUnavailable(reason) = cause { format!(": {reason}") } else { String::new() };
    Error::StoreUnavailable(format!("{known}{reason}"))
}

fn outcome(
    call_id: CallId,
    timeout: Duration,
    ExecutedCall { reply, execution_time, .. }: ExecutedCall,
) -> Result<CallOutcome> {
    match reply {
        CallReply::Succeeded(result) => Ok(CallOutcome { call_id, result, execution_time }),
        CallReply::Failed { message, answer } | CallReply::Refused { message, answer } => {
            let call_id = call_id.to_string();
            Err(Error::ToolFailed(Box::new(ToolFailure { message, answer, call_id, execution_time })))
        }
        CallReply::Unavailable(unavailable) => Err(unavailable.into()),
        CallReply::Expired => Err(Error::CallTimeout(timeout)),
        CallReply::Cancelled => Err(Error::NotReady("the call was cancelled")),
    }
}
