//! The gateway's data path: a request to an instance, and its answer back.
//!
//! Everything happens on the client's own task: [`exchange`] moves both directions at the same time between the client's
//! connection and one of the worker's [`pool`]. No actor is asked and nothing is spawned for a request.

mod access;
mod answer;
mod exchange;
mod header_rules;
mod pool;
mod refusal;
mod request;
mod request_id;
mod resolve;
mod retry;
mod router;
mod span;
mod tunnel;
mod upload;
mod upstream;

use std::{cell::Cell, net::IpAddr, sync::Arc};

use tokio::time::Instant;

use crate::{
    Runtime,
    edge::{Connection, Verdict, write_buffer::Outbox},
    error::Error,
    gateway::{Failure, InstanceId, Lease, NoInstance, Service},
    http1::{RequestHead, Version},
    model::{Principal, TraceContext},
    runtime::Needs,
    telemetry::{Span, Tracer},
    web::{host_check::Guard, problem::Problem},
};

pub use router::ServiceRouter;

use exchange::{Exchange, Outcome, Refusal};
use request::{About, Loop};
use request_id::RequestId;
use retry::{Again, Attempt};
use upload::{TooLarge, Upload};
use upstream::Upstream;

/// A request on its way.
struct Call<'a> {
    head: &'a RequestHead,
    service: &'a Arc<Service>,
    id: RequestId,
    /// Where the client is connected from, and whether that is a proxy of ours.
    peer: IpAddr,
    is_trusted: bool,
    /// Who sent it, where the service wants to know.
    caller: Option<Principal>,
    runtime: &'a Runtime,
    /// Whether the client's connection goes on after the answer, as the client was told.
    keep_alive: Cell<bool>,
    /// What it was answered; 0 before that.
    status: Cell<u16>,
    tracer: &'a Tracer,
    /// Its span, where spans are made.
    span: Option<TraceContext>,
    started: Instant,
}

impl Call<'_> {
    /// Does `work` for as long as the credential is good that the service asked for.
    async fn while_permitted<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        match &self.caller {
            Some(who) => self.runtime.while_permitted(who, Needs::Credential, work).await,
            None => Ok(work.await),
        }
    }
}

/// How a request was dealt with, where no answer of ours is needed.
type Dealt = Result<Verdict, Problem>;

/// Forwards one request to an instance of `service`, and its answer back to the client.
async fn forward(
    client: &mut Connection,
    head: RequestHead,
    service: Arc<Service>,
    runtime: &Runtime,
    guard: &Guard,
) -> Verdict {
    let peer = client.peer().ip().to_canonical();
    let id = RequestId::of(&head.fields);
    let span = span::asked(runtime, &head, &service, id.as_str());
    let mut call = Call {
        head: &head,
        service: &service,
        id,
        peer,
        is_trusted: guard.trusts(peer),
        caller: None,
        runtime,
        keep_alive: Cell::new(head.keep_alive),
        status: Cell::new(0),
        tracer: runtime.tracer(),
        span: span.context(),
        started: Instant::now(),
    };
    let dealt = match admit(&mut call, guard).await {
        Ok(()) => deliver(client, &call).await,
        Err(problem) => Err(problem),
    };
    client.clear_deadline();
    let verdict = dealt.unwrap_or_else(|problem| refuse(client, &call, &problem));
    span::ended(span, call.status.get());
    verdict
}

/// Lets the request on where it may go on.
async fn admit(call: &mut Call<'_>, guard: &Guard) -> Result<(), Problem> {
    let address = if call.is_trusted {
        let fields = access::named(&call.head.fields, &["forwarded", "x-forwarded-for"]);
        guard.address(Some(std::net::SocketAddr::new(call.peer, 0)), &fields)
    } else {
        Some(call.peer)
    };
    call.caller = access::admit(call.head, call.service, call.runtime, address).await?;
    Ok(())
}

/// Sends the request to one instance, and to others where that is safe and may help, until there is an answer.
async fn deliver(client: &mut Connection, call: &Call<'_>) -> Dealt {
    let limit = call.service.spec().max_body_bytes;
    let mut upload = Upload::new(call.head.framing, limit).map_err(|TooLarge| too_large(call))?;
    let mut tried: Vec<InstanceId> = Vec::new();
    let mut unsent = None;
    let mut last = None;
    loop {
        let lease = match call.service.choose(&tried) {
            Ok(lease) => lease,
            Err(none) => return Err(no_instance(call, none, last)),
        };
        let attempt = match attempt(client, call, &lease, &mut upload, &mut unsent).await? {
            Ended::Dealt(verdict) => return Ok(verdict),
            Ended::Failed(attempt) => attempt,
        };
        lease.failed(attempt.failure);
        log_failure(call, &lease, attempt.failure);
        tried.push(lease.instance().id());
        let more = u32::try_from(tried.len()).is_ok_and(|tries| tries <= call.service.spec().retries);
        let goes_on = retry::again(&call.head.method, &attempt) != Again::No && more && call.service.may_retry();
        if !goes_on {
            return Err(failed(call, attempt));
        }
        last = Some(attempt);
    }
}

/// A head that never left, and the span that it names.
type Unsent = (Outbox, Option<TraceContext>);

/// How an attempt at one instance ended.
enum Ended {
    Dealt(Verdict),
    Failed(Attempt),
}

/// Sends the request to one instance: on a connection that is there, and once more on a new one where that had gone stale.
async fn attempt(
    client: &mut Connection,
    call: &Call<'_>,
    lease: &Lease,
    upload: &mut Upload,
    unsent: &mut Option<Unsent>,
) -> Result<Ended, Problem> {
    let instance = lease.instance();
    let mut pooled = pool::take(instance.id());
    let mut span = span::attempted(call, lease);
    loop {
        let Ok(mut upstream) = reach(call, lease, pooled.take()).await else {
            span::failed(span, Failure::Connect);
            return Ok(Ended::Failed(Attempt::unconnected(upload.is_fresh())));
        };
        load(call, unsent.take(), &mut span, &mut upstream)?;
        let mut exchange = Exchange::new(client, call, lease, upload, upstream);
        let outcome = exchange.run().await;
        let is_clean = exchange.is_clean();
        let mut upstream = exchange.upstream;
        let attempt = match outcome {
            Outcome::Answered => {
                if is_clean {
                    pool::put(instance.id(), upstream);
                }
                span::answered(span, call);
                return Ok(Ended::Dealt(verdict(call, upload)));
            }
            Outcome::Switched(head) => {
                call.status.set(head.status);
                span::answered(span, call);
                return Ok(Ended::Dealt(tunnel::run(client, call, lease, &head, upstream).await));
            }
            Outcome::Refused(refusal) => return Err(refused(call, refusal)),
            Outcome::Broken => return Ok(Ended::Dealt(broken(call, span))),
            Outcome::Gone => return Ok(Ended::Dealt(Verdict::Close)),
            Outcome::Failed(attempt) => attempt,
        };
        let is_last = retry::again(&call.head.method, &attempt) != Again::Here;
        if !attempt.request_begun {
            let named = if is_last { span.give_name() } else { span.context() };
            *unsent = Some((std::mem::take(&mut upstream.outbox), named));
        }
        if is_last {
            span::failed(span, attempt.failure);
            return Ok(Ended::Failed(attempt));
        }
    }
}

/// A connection to an instance: the one that is there, or a new one.
async fn reach(call: &Call<'_>, lease: &Lease, pooled: Option<Upstream>) -> std::io::Result<Upstream> {
    let instance = lease.instance();
    match pooled {
        Some(upstream) => Ok(upstream),
        None => Upstream::connect(instance.host(), instance.port(), call.service.timeout()).await,
    }
}

/// Has the head wait on a connection; one that never left is not written anew.
fn load(call: &Call<'_>, unsent: Option<Unsent>, span: &mut Span, upstream: &mut Upstream) -> Result<(), Problem> {
    if let Some((waiting, named)) = unsent {
        upstream.outbox = waiting;
        span.known_as(named);
        return Ok(());
    }
    let about = About {
        spec: call.service.spec(),
        peer: call.peer,
        is_trusted: call.is_trusted,
        user: call.caller.as_ref().map(|caller| caller.email.as_str()),
        id: call.id.as_str(),
        span: span.context(),
    };
    request::write(call.head, &about, upstream.outbox.end()).map_err(|Loop| Problem::LoopDetected)
}

/// Another request may follow where this one was taken whole, and the client was told so.
fn verdict(call: &Call<'_>, upload: &Upload) -> Verdict {
    log_answer(call);
    if call.keep_alive.get() && upload.is_whole() { Verdict::KeepAlive } else { Verdict::Close }
}

/// A client of HTTP/1.0 takes the end of the connection for the end of the answer; others see that something is missing.
fn broken(call: &Call<'_>, span: Span) -> Verdict {
    span::failed(span, Failure::Reset);
    match call.head.version {
        Version::Http10 => Verdict::Reset,
        Version::Http11 => Verdict::Close,
    }
}

/// Answers in place of the service.
fn refuse(client: &mut Connection, call: &Call<'_>, problem: &Problem) -> Verdict {
    let keep_alive = call.head.keep_alive && client.body_is_done();
    let id = call.id.as_str();
    let mut response = problem.respond(call.head.target.path(), id);
    call.status.set(response.status().as_u16());
    crate::web::trace::name(response.headers_mut(), id);
    refusal::write(response, &call.head.method, keep_alive, client.stage());
    log::debug!(
        service = call.service.spec().name.as_str(),
        method = call.head.method.as_str(),
        code = problem.kind().code,
        request_id = id,
        ms:% = call.started.elapsed().as_millis();
        "request refused"
    );
    if keep_alive { Verdict::KeepAlive } else { Verdict::Close }
}

fn refused(call: &Call<'_>, refusal: Refusal) -> Problem {
    match refusal {
        Refusal::TooLarge => too_large(call),
        Refusal::Malformed => Problem::malformed("the chunked body is malformed"),
        Refusal::Stalled => Problem::RequestTimeout,
        Refusal::Revoked => Error::Unauthenticated("the token or key is no longer valid").into(),
    }
}

fn too_large(call: &Call<'_>) -> Problem {
    let limit = call.service.spec().max_body_bytes.and_then(|limit| usize::try_from(limit).ok());
    Problem::PayloadTooLarge(limit.unwrap_or(usize::MAX))
}

/// None is left: what went wrong with the last one says more than that.
fn no_instance(call: &Call<'_>, none: NoInstance, last: Option<Attempt>) -> Problem {
    last.map_or(Problem::NoInstance(none), |attempt| failed(call, attempt))
}

fn failed(call: &Call<'_>, attempt: Attempt) -> Problem {
    match attempt.failure {
        Failure::Timeout => Problem::UpstreamTimeout(call.service.timeout()),
        Failure::Connect => Problem::UpstreamFailed("no instance could be reached; nothing was sent, so try again"),
        Failure::Reset if !attempt.request_begun => {
            Problem::UpstreamFailed("the instance closed the connection; nothing was sent, so try again")
        }
        Failure::Reset => Problem::UpstreamFailed(
            "the instance closed the connection before it answered; the request may have been carried out, so repeat it \
             only if that does no harm",
        ),
        Failure::Protocol => Problem::UpstreamFailed(
            "the instance's answer breaks the protocol; trying again does not help before the service is mended",
        ),
    }
}

fn log_failure(call: &Call<'_>, lease: &Lease, failure: Failure) {
    log::debug!(
        service = call.service.spec().name.as_str(),
        host = lease.instance().host(),
        port = lease.instance().port(),
        failure:?,
        request_id = call.id.as_str();
        "an instance did not answer"
    );
}

fn log_answer(call: &Call<'_>) {
    log::debug!(
        service = call.service.spec().name.as_str(),
        method = call.head.method.as_str(),
        request_id = call.id.as_str(),
        ms:% = call.started.elapsed().as_millis();
        "request forwarded"
    );
}
