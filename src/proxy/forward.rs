//! Forwards one request: chooses an instance, tries it, tries others where that is safe, answers where none can.

use std::{cell::Cell, sync::Arc};

use tokio::time::Instant;

use crate::{
    Runtime,
    edge::{Connection, Verdict, write_buffer::Outbox},
    error::Error,
    gateway::{Failure, InstanceId, Lease, NoInstance, Service},
    http1::{RequestHead, Version},
    model::TraceContext,
    proxy::{
        access,
        exchange::{Exchange, Outcome, Refusal},
        forwarded_request::ForwardedRequest,
        pool, refusal,
        request::{self, About, Loop},
        request_id::RequestId,
        retry::{self, Again, Attempt},
        span, tunnel,
        upload::{TooLarge, Upload},
        upstream::Upstream,
    },
    telemetry::Span,
    web::{host_check::Guard, problem::Problem},
};

/// How a request was dealt with, where no answer of ours is needed.
type Dealt = Result<Verdict, Problem>;

/// Forwards one request to an instance of `service`, and its answer back to the client.
pub(super) async fn forward(
    client: &mut Connection,
    head: RequestHead,
    service: Arc<Service>,
    runtime: &Runtime,
    guard: &Guard,
) -> Verdict {
    let peer = client.peer().ip().to_canonical();
    let id = RequestId::of(&head.fields);
    let span = span::asked(runtime, &head, &service, id.as_str());
    let mut call = ForwardedRequest {
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
async fn admit(call: &mut ForwardedRequest<'_>, guard: &Guard) -> Result<(), Problem> {
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
async fn deliver(client: &mut Connection, call: &ForwardedRequest<'_>) -> Dealt {
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
    call: &ForwardedRequest<'_>,
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
async fn reach(call: &ForwardedRequest<'_>, lease: &Lease, pooled: Option<Upstream>) -> std::io::Result<Upstream> {
    let instance = lease.instance();
    match pooled {
        Some(upstream) => Ok(upstream),
        None => Upstream::connect(instance.host(), instance.port(), call.service.timeout()).await,
    }
}

/// Has the head wait on a connection; one that never left is not written anew.
fn load(
    call: &ForwardedRequest<'_>,
    unsent: Option<Unsent>,
    span: &mut Span,
    upstream: &mut Upstream,
) -> Result<(), Problem> {
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
fn verdict(call: &ForwardedRequest<'_>, upload: &Upload) -> Verdict {
    log_answer(call);
    if call.keep_alive.get() && upload.is_whole() { Verdict::KeepAlive } else { Verdict::Close }
}

/// A client of HTTP/1.0 takes the end of the connection for the end of the answer; others see that something is missing.
fn broken(call: &ForwardedRequest<'_>, span: Span) -> Verdict {
    span::failed(span, Failure::Reset);
    match call.head.version {
        Version::Http10 => Verdict::Reset,
        Version::Http11 => Verdict::Close,
    }
}

/// Answers in place of the service.
fn refuse(client: &mut Connection, call: &ForwardedRequest<'_>, problem: &Problem) -> Verdict {
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

fn refused(call: &ForwardedRequest<'_>, refusal: Refusal) -> Problem {
    match refusal {
        Refusal::TooLarge => too_large(call),
        Refusal::Malformed => Problem::malformed("the chunked body is malformed"),
        Refusal::Stalled => Problem::RequestTimeout,
        Refusal::Revoked => Error::Unauthenticated("the token or key is no longer valid").into(),
    }
}

fn too_large(call: &ForwardedRequest<'_>) -> Problem {
    let limit = call.service.spec().max_body_bytes.and_then(|limit| usize::try_from(limit).ok());
    Problem::PayloadTooLarge(limit.unwrap_or(usize::MAX))
}

/// None is left: what went wrong with the last one says more than that.
fn no_instance(call: &ForwardedRequest<'_>, none: NoInstance, last: Option<Attempt>) -> Problem {
    last.map_or(Problem::NoInstance(none), |attempt| failed(call, attempt))
}

fn failed(call: &ForwardedRequest<'_>, attempt: Attempt) -> Problem {
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

fn log_failure(call: &ForwardedRequest<'_>, lease: &Lease, failure: Failure) {
    log::debug!(
        service = call.service.spec().name.as_str(),
        host = lease.instance().host(),
        port = lease.instance().port(),
        failure:?,
        request_id = call.id.as_str();
        "an instance did not answer"
    );
}

fn log_answer(call: &ForwardedRequest<'_>) {
    log::debug!(
        service = call.service.spec().name.as_str(),
        method = call.head.method.as_str(),
        request_id = call.id.as_str(),
        ms:% = call.started.elapsed().as_millis();
        "request forwarded"
    );
}
