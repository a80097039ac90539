//! The way of a request to a process and back, within its deadline.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use crate::{
    calls::{admitted_call::AdmittedCall, reply::CallReply, unavailable::Unavailable},
    listings::Listings,
    mcp::{self, Era},
    supervisor::{Availability, ChildView, InFlight, Link, ServerInstance, messages::Answer},
};

/// The last delivery of a request to a process.
pub(super) struct Delivery {
    /// When it was sent; before that, when it should have been.
    pub at: Instant,
    /// To which process, and the id it has there.
    pub to: Option<(Arc<ServerInstance>, u64)>,
}

impl Delivery {
    /// None yet.
    pub(super) fn pending() -> Self {
        Self { at: Instant::now(), to: None }
    }
}

/// The response of a process to a request.
pub(super) struct Response {
    /// Its result, or its error object.
    pub outcome: Result<Arc<RawValue>, Arc<RawValue>>,
    /// The era it speaks.
    pub era: Era,
}

/// Sends a call and waits for the reply; returns it with the milliseconds from dispatch, and the era of the server.
pub(super) async fn dispatch(
    call: &AdmittedCall,
    listings: &Listings,
    delivery: &mut Delivery,
    expired: Option<oneshot::Receiver<()>>,
    gone: oneshot::Receiver<()>,
) -> (CallReply, i64, Era) {
    let mut era = Era::Legacy;
    let reply = async {
        match send(call, listings, delivery).await {
            Ok(response) => {
                era = response.era;
                response.outcome.map_or_else(CallReply::from_error, CallReply::from_result)
            }
            Err(unavailable) => CallReply::Unavailable(unavailable),
        }
    };
    let reply = tokio::select! {
        biased;
        reply = tokio::time::timeout(call.timeout, reply) => reply.unwrap_or(CallReply::Expired),
        () = expiry(expired) => CallReply::Expired,
        _ = gone => CallReply::Cancelled,
    };
    (reply, milliseconds(delivery.at.elapsed()), era)
}

/// Completes once the sender says so; never where there is none, or it is gone.
pub(super) async fn expiry(expired: Option<oneshot::Receiver<()>>) {
    let is_expired = match expired {
        Some(expired) => expired.await.is_ok(),
        None => false,
    };
    if !is_expired {
        std::future::pending::<()>().await;
    }
}

async fn send(call: &AdmittedCall, listings: &Listings, delivery: &mut Delivery) -> Result<Response, Unavailable> {
    if !call.permitted {
        let message = format!("Unknown tool: {}", call.tool);
        return Ok(Response { outcome: Err(mcp::error(-32602, &message, None)), era: Era::Legacy });
    }
    let send = |instance: &Arc<ServerInstance>| {
        // Asked of the process that gets the call: one that has just started may list other tools than the last.
        if let Some(reason) = listings.refusal(&call.server, &call.tool, instance) {
            return Err(Unavailable::Quarantined(reason));
        }
        Ok(match &call.mcp_request {
            Some((request, declared)) => instance.send_request(request, declared, call.progress.clone()),
            None => instance.call_tool(&call.tool, &call.arguments, call.trace.as_ref(), call.progress.clone()),
        })
    };
    deliver(call.link(), send, delivery).await
}

/// Sends a request to the process that serves, and to the next one if the first never got it; the error says why none
/// answered, or why `send` refused to.
pub(super) async fn deliver(
    link: &Link,
    send: impl Fn(&Arc<ServerInstance>) -> Result<InFlight, Unavailable>,
    delivery: &mut Delivery,
) -> Result<Response, Unavailable> {
    let mut view = link.view.clone();
    loop {
        let instance = serving(&mut view).await?;
        delivery.at = Instant::now();
        let response = |outcome| Ok(Response { outcome, era: instance.era() });
        let mut request = send(&instance)?;
        delivery.to = Some((instance.clone(), request.id()));
        match request.answer().await {
            Answer::Result(result) => return response(Ok(result)),
            Answer::Error(error) => return response(Err(error)),
            // The server did answer, but the answer was dropped.
            Answer::TooLong => {
                return response(Err(mcp::error(-32603, "the answer is over 16 MiB, or had no room", None)));
            }
            Answer::Died(reason) => return Err(reason.into()),
            Answer::TransportFailed { reason, retry_after, .. } => {
                return Err(Unavailable::Server { reason, retry_after });
            }
            Answer::Unread => return Err("it does not read what is sent to it".to_owned().into()),
            // It is ending, so the view is about to change.
            Answer::NotSent => drop(view.changed().await),
        }
    }
}

/// The process that takes requests; waits while one is starting.
async fn serving(view: &mut watch::Receiver<ChildView>) -> Result<Arc<ServerInstance>, String> {
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

fn milliseconds(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}
