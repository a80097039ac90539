//! Forwards one request: chooses an instance, tries it, tries others where that is safe, answers where none can.

use std::{cell::Cell, sync::Arc, time::Duration};

use actix_web::{HttpResponse, http::Method};
use tokio::time::Instant;

use crate::{
    Runtime,
    edge::{ClientConnection, Disposition, write_buffer::WriteBuffer},
    error::Error,
    gateway::{FailureKind, InstanceId, InstanceLease, NoInstance, Service},
    http1::{RequestHead, Version},
    model::TraceContext,
    policy::{keep_alive, shortage::Shortage},
    proxy::{
        access, cors,
        exchange::{Exchange, ExchangeEnd, RequestFault},
        forwarded_request::ForwardedRequest,
        pool::{self, Pooled},
        refusal,
        request::{self, ForwardingLoop, RequestContext},
        request_id::RequestId,
        retry::{self, FailedAttempt, RetryDecision},
        span, tunnel,
        upload::{TooLarge, Upload},
        upstream::Upstream,
    },
    telemetry::Span,
    web::{
        host_check::{Admission, HostCheck},
        problem::{Occurrence, Problem},
    },
};

/// Time in which a body shows that an answer must not have. It may wait for the acknowledgement of the head (Nagle),
/// which the kernel here delays by up to 40 ms.
const LATE_BODY_TIME: Duration = Duration::from_millis(60);

/// The outcome of a request, or the problem to answer in place of the service.
type Handled = Result<Disposition, Problem>;

/// Forwards one request to an instance of `service`, and its answer back to the client.
pub(super) async fn forward(
    client: &mut ClientConnection,
    head: RequestHead,
    service: Arc<Service>,
    runtime: &Runtime,
    guard: &HostCheck,
) -> Disposition {
    let peer = client.peer().ip().to_canonical();
    let id = RequestId::of(&head.fields);
    let span = span::begin_request(runtime, &head, &service, id.as_str());
    let mut call = ForwardedRequest {
        head: &head,
        service: &service,
        id,
        peer,
        is_trusted: guard.trusts(peer),
        allowed_origin: cors::allowed_origin(&head, &service, guard),
        caller: None,
        runtime,
        keep_alive: Cell::new(head.keep_alive),
        status: Cell::new(0),
        tracer: runtime.telemetry().tracer(),
        span: span.context(),
        started: Instant::now(),
    };
    let handled = match admit(&mut call, guard).await {
        Ok(None) => deliver(client, &call).await,
        Ok(Some(answer)) => Ok(respond(client, &call, answer)),
        Err(problem) => Err(problem),
    };
    client.clear_deadline();
    let disposition = handled.unwrap_or_else(|problem| refuse(client, &call, &problem));
    span::end_request(span, call.status.get());
    disposition
}

/// Lets the request on where it may go on, or returns the answer to one that goes no further.
async fn admit(call: &mut ForwardedRequest<'_>, guard: &HostCheck) -> Result<Option<HttpResponse>, Problem> {
    let preflight = cors::preflight(call.head, call.service, guard)?;
    if preflight.is_none() {
        call.caller = access::admit(call, guard).await?;
    }
    Ok(preflight)
}

/// Sends the request to one instance, and to others where that is safe and may help, until there is an answer.
async fn deliver(client: &mut ClientConnection, call: &ForwardedRequest<'_>) -> Handled {
    let limit = call.service.spec().max_body_bytes;
    let mut upload = Upload::new(call.head.framing, limit).map_err(|TooLarge| too_large(call))?;
    let mut tried: Vec<InstanceId> = Vec::new();
    let mut unsent = None;
    let mut last = None;
    loop {
        let lease = match call.service.choose(&tried) {
            Ok(lease) => lease,
            Err(none) => return Err(no_instance_problem(call, none, last)),
        };
        let attempt = match attempt(client, call, &lease, &mut upload, &mut unsent).await? {
            AttemptEnd::Handled(disposition) => return Ok(disposition),
            AttemptEnd::Failed(attempt) => attempt,
        };
        lease.failed(attempt.failure);
        log_failure(call, &lease, attempt.failure);
        tried.push(lease.instance().id());
        let more = u32::try_from(tried.len()).is_ok_and(|tries| tries <= call.service.spec().retries);
        let goes_on =
            retry::decide(&call.head.method, &attempt) != RetryDecision::GiveUp && more && call.service.may_retry();
        if !goes_on {
            return Err(failure_problem(call, attempt));
        }
        last = Some(attempt);
    }
}

/// A head that never left, and the span that it names.
type UnsentHead = (WriteBuffer, Option<TraceContext>);

/// The end of an attempt at one instance.
enum AttemptEnd {
    Handled(Disposition),
    Failed(FailedAttempt),
}

/// Sends the request to one instance: on a connection that is there, and once more on a new one where that had gone
/// stale.
async fn attempt(
    client: &mut ClientConnection,
    call: &ForwardedRequest<'_>,
    lease: &InstanceLease,
    upload: &mut Upload,
    unsent: &mut Option<UnsentHead>,
) -> Result<AttemptEnd, Problem> {
    let instance = lease.instance();
    let mut pooled = pool::take(instance.id());
    let mut span = span::begin_attempt(call, lease);
    loop {
        let mut upstream = match connect(call, lease, pooled.take()).await {
            Ok(upstream) => upstream,
            Err(failure) => return Ok(failed(span, FailedAttempt::unconnected(failure, upload.is_fresh()))),
        };
        stage_head(call, unsent.take(), &mut span, &mut upstream)?;
        let mut exchange = Exchange::new(client, call, lease, upload, upstream);
        let outcome = exchange.run().await;
        let (is_clean, mut upstream) = (exchange.is_clean(), exchange.upstream);
        let attempt = match outcome {
            ExchangeEnd::Answered => {
                if is_clean {
                    keep(call, instance.id(), upstream);
                }
                span::end_answered(span, call);
                return Ok(AttemptEnd::Handled(disposition(call, upload)));
            }
            ExchangeEnd::Switched(head) => {
                call.status.set(head.status);
                span::end_answered(span, call);
                return Ok(AttemptEnd::Handled(tunnel::run(client, call, lease, &head, upstream).await));
            }
            ExchangeEnd::Refused(refusal) => return Err(fault_problem(call, refusal)),
            ExchangeEnd::Broken => return Ok(AttemptEnd::Handled(answer_broke_off(call, span))),
            ExchangeEnd::Gone => return Ok(AttemptEnd::Handled(Disposition::Close)),
            ExchangeEnd::Failed(attempt) => attempt,
        };
        if attempt.failure == FailureKind::Reset {
            pool::note_closed(instance.id(), upstream.idle);
        }
        let is_last = retry::decide(&call.head.method, &attempt) != RetryDecision::SameInstance;
        if !attempt.request_begun {
            let trace_of_head = if is_last { span.give_name() } else { span.context() };
            *unsent = Some((std::mem::take(&mut upstream.write_buffer), trace_of_head));
        }
        if is_last {
            return Ok(failed(span, attempt));
        }
    }
}

fn failed(span: Span, attempt: FailedAttempt) -> AttemptEnd {
    span::end_failed(span, attempt.failure);
    AttemptEnd::Failed(attempt)
}

/// A connection to an instance: the one that is there, where it may carry this request, or a new one in its place.
async fn connect(
    call: &ForwardedRequest<'_>,
    lease: &InstanceLease,
    pooled: Option<Pooled>,
) -> Result<Upstream, FailureKind> {
    let old = match pooled {
        Some(pooled) if pooled.is_fresh || retry::is_repeatable(call.head) => return Ok(pooled.upstream),
        old => old,
    };
    let instance = lease.instance();
    let connected = Upstream::connect(instance.host(), instance.port(), call.service.timeout()).await;
    connected.or_else(|error| {
        let shortage = Shortage::of(&error).ok_or(FailureKind::Connect)?;
        pool::release_all();
        old.map(|pooled| pooled.upstream).ok_or(FailureKind::Shortage(shortage))
    })
}

/// Keeps a connection for another request, unless more may come on it than the answer.
fn keep(call: &ForwardedRequest<'_>, instance: InstanceId, upstream: Upstream) {
    let kept_for = keep_alive::idle_timeout(call.service.spec().keep_alive, upstream.keep_alive);
    match (&call.head.method, call.status.get()) {
        // Some instances send a body all the same, and whenever it is ready.
        (&Method::HEAD, _) => {}
        // The next one may not be repeated either.
        _ if !retry::is_repeatable(call.head) && !pool::keeps(instance) => {
            pool::put_once_silent(instance, upstream, kept_for, keep_alive::KEPT_TIME);
        }
        (_, 204 | 304) => pool::put_once_silent(instance, upstream, kept_for, LATE_BODY_TIME),
        _ => pool::put(instance, upstream, kept_for),
    }
}

/// Stages the head on a connection; one that an earlier attempt staged and never sent is moved as it is.
fn stage_head(
    call: &ForwardedRequest<'_>,
    unsent: Option<UnsentHead>,
    span: &mut Span,
    upstream: &mut Upstream,
) -> Result<(), Problem> {
    if let Some((waiting, trace_of_head)) = unsent {
        upstream.write_buffer = waiting;
        span.known_as(trace_of_head);
        return Ok(());
    }
    let request_context = RequestContext {
        spec: call.service.spec(),
        peer: call.peer,
        is_trusted: call.is_trusted,
        user: call.caller.as_ref().map(|caller| caller.email.as_str()),
        id: call.id.as_str(),
        span: span.context(),
    };
    request::write(call.head, &request_context, upstream.write_buffer.end())
        .map_err(|ForwardingLoop| Problem::LoopDetected)
}

/// Logs the answer, and keeps the connection for another request where this one was taken whole and the head sent to
/// the client announced so.
fn disposition(call: &ForwardedRequest<'_>, upload: &Upload) -> Disposition {
    log_answer(call);
    if call.keep_alive.get() && upload.is_complete() { Disposition::KeepAlive } else { Disposition::Close }
}

/// Ends the connection after an answer that broke off: a client of HTTP/1.0 takes the end of the connection for the end
/// of the answer, so it gets a reset; others see that something is missing.
fn answer_broke_off(call: &ForwardedRequest<'_>, span: Span) -> Disposition {
    span::end_failed(span, FailureKind::Reset);
    match call.head.version {
        Version::Http10 => Disposition::Reset,
        Version::Http11 => Disposition::Close,
    }
}

/// Refuses a request in place of the service.
fn refuse(client: &mut ClientConnection, call: &ForwardedRequest<'_>, problem: &Problem) -> Disposition {
    let id = call.id.as_str();
    log::debug!(
        service = call.service.spec().name.as_str(),
        method = call.head.method.as_str(),
        code = problem.kind().code,
        request_id = id,
        ms:% = call.started.elapsed().as_millis();
        "request refused"
    );
    respond(client, call, problem.respond(Occurrence::at_root(call.head.target.path(), id)))
}

/// Answers in place of the service.
fn respond(client: &mut ClientConnection, call: &ForwardedRequest<'_>, mut response: HttpResponse) -> Disposition {
    let keep_alive = call.head.keep_alive && client.body_is_done();
    call.status.set(response.status().as_u16());
    crate::web::trace::name(response.headers_mut(), call.id.as_str());
    if let Some(origin) = call.allowed_origin.clone() {
        Admission::CrossOrigin(origin).add_headers(response.headers_mut());
    }
    refusal::write(response, &call.head.method, keep_alive, client.stage());
    if keep_alive { Disposition::KeepAlive } else { Disposition::Close }
}

fn fault_problem(call: &ForwardedRequest<'_>, refusal: RequestFault) -> Problem {
    match refusal {
        RequestFault::TooLarge => too_large(call),
        RequestFault::Malformed => Problem::malformed("the chunked body is malformed"),
        RequestFault::Stalled => Problem::RequestTimeout,
        RequestFault::Revoked => Error::Unauthenticated("the token or key is no longer valid").into(),
    }
}

fn too_large(call: &ForwardedRequest<'_>) -> Problem {
    let limit = call.service.spec().max_body_bytes.and_then(|limit| usize::try_from(limit).ok());
    Problem::PayloadTooLarge(limit.unwrap_or(usize::MAX))
}

/// None is left: what went wrong with the last one says more than that.
fn no_instance_problem(call: &ForwardedRequest<'_>, none: NoInstance, last: Option<FailedAttempt>) -> Problem {
    last.map_or(Problem::NoInstance(none), |attempt| failure_problem(call, attempt))
}

fn failure_problem(call: &ForwardedRequest<'_>, attempt: FailedAttempt) -> Problem {
    match attempt.failure {
        FailureKind::Timeout => Problem::UpstreamTimeout(call.service.timeout()),
        FailureKind::Shortage(shortage) => Error::Busy(shortage.text()).into(),
        FailureKind::Connect => Problem::UpstreamFailed("no instance could be reached; nothing was sent, so try again"),
        FailureKind::Reset if !attempt.request_begun => {
            Problem::UpstreamFailed("the instance closed the connection; nothing was sent, so try again")
        }
        FailureKind::Reset => Problem::UpstreamFailed(
            "the instance closed the connection before it answered; the request may have been carried out, so repeat it \
             only if that does no harm",
        ),
        FailureKind::Protocol => Problem::UpstreamFailed(
            "the instance's answer breaks the protocol; trying again does not help before the service is mended",
        ),
    }
}

fn log_failure(call: &ForwardedRequest<'_>, lease: &InstanceLease, failure: FailureKind) {
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
