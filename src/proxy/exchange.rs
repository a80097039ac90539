//! [`Exchange`]: one request on one connection to an instance, both directions at the same time, on one task.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    edge::ClientConnection,
    gateway::{FailureKind, InstanceLease},
    http1::{BodyDecoder, BodyEncoder, BodyFault, Framing, HeadLimits, Piece, ResponseHead, Version},
    policy::keep_alive,
    proxy::{
        answer::{self, AnswerContext},
        forwarded_request::ForwardedRequest,
        retry::FailedAttempt,
        upload::{self, TooLarge, Upload},
        upstream::Upstream,
    },
};

/// Bytes that may wait for one side before no more are taken from the other.
const BUFFERED_BYTES_MAX: usize = 128 << 10;
/// The longest nothing may move in either direction once the answer has begun.
const ANSWER_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// The longest nothing may move once the whole answer came before the whole request.
const REST_OF_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Time an instance has for its `100 Continue`; then Ostler sends one itself (RFC 9110, section 10.1.1).
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);
/// Interim answers to one request.
const INTERIM_ANSWERS_MAX: u32 = 16;

/// The end of an exchange.
#[derive(Debug)]
pub(super) enum ExchangeEnd {
    /// The client has the whole answer.
    Answered,
    /// The instance switches protocols; the client has not been sent the switch yet.
    Switched(ResponseHead),
    /// There is no answer, and the client has heard nothing.
    Failed(FailedAttempt),
    /// The client is at fault, and has heard nothing.
    Refused(RequestFault),
    /// The answer broke off: only a closed connection tells the client.
    Broken,
    /// The client went away.
    Gone,
}

/// A fault of the client after its request had begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestFault {
    /// It is too long.
    TooLarge,
    /// It cannot be read.
    Malformed,
    /// It stopped arriving.
    Stalled,
    /// Its credential ended meanwhile.
    Revoked,
}

/// A request in flight at an instance.
pub(super) struct Exchange<'a> {
    client: &'a mut ClientConnection,
    call: &'a ForwardedRequest<'a>,
    lease: &'a InstanceLease,
    upload: &'a mut Upload,
    /// The connection it is sent on.
    pub(super) upstream: Upstream,
    answer: AnswerState,
    /// True once the instance reads no more.
    reads_no_more: bool,
    interim: u32,
    /// True once a byte of an answer came.
    answer_begun: bool,
    /// True once the instance took too long for `100 Continue`, and the client is asked for the body without it.
    insists: bool,
    moved: bool,
    /// The time at which the whole request was sent, from which the answer is timed.
    sent_at: Option<Instant>,
}

enum AnswerState {
    Awaited,
    Coming { decoder: BodyDecoder, encoder: BodyEncoder, trailed: bool, keep_alive: bool, endless: bool },
    Complete { keep_alive: bool },
}

impl<'a> Exchange<'a> {
    /// An exchange on `upstream`, in whose write_buffer the head of the request waits.
    pub(super) fn new(
        client: &'a mut ClientConnection,
        call: &'a ForwardedRequest<'a>,
        lease: &'a InstanceLease,
        upload: &'a mut Upload,
        upstream: Upstream,
    ) -> Self {
        Self {
            client,
            call,
            lease,
            upload,
            upstream,
            answer: AnswerState::Awaited,
            reads_no_more: false,
            interim: 0,
            answer_begun: false,
            insists: false,
            moved: false,
            sent_at: None,
        }
    }

    /// Goes on until one of the ends is reached.
    pub(super) async fn run(&mut self) -> ExchangeEnd {
        self.client.set_deadline(self.timeout_left());
        let call = self.call;
        let exchanged = call.while_permitted(poll_fn(|context| self.poll(context))).await;
        exchanged.unwrap_or_else(|_| self.refuse(RequestFault::Revoked))
    }

    /// True where the connection can serve another request.
    pub(super) fn is_clean(&self) -> bool {
        matches!(self.answer, AnswerState::Complete { keep_alive: true })
            && self.upload.is_complete()
            && !self.reads_no_more
            && self.upstream.write_buffer.waiting() == 0
            && self.upstream.incoming.is_empty()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ExchangeEnd> {
        self.moved = false;
        if let Err(outcome) = self.poll_upload(context) {
            return Poll::Ready(outcome);
        }
        if let Poll::Ready(outcome) = self.poll_answer(context) {
            return Poll::Ready(outcome.unwrap_or_else(|outcome| outcome));
        }
        if !self.takes_body() && self.client.poll_gone(context).is_ready() {
            return Poll::Ready(ExchangeEnd::Gone);
        }
        self.poll_deadline(context)
    }

    /// True while the body of the request is to be read.
    fn takes_body(&self) -> bool {
        self.upload.is_going() && !self.reads_no_more && (self.insists || !self.client.owes_continue())
    }

    /// Moves the request as far as it goes. What is there of it is gathered first, so that head and body leave
    /// together.
    fn poll_upload(&mut self, context: &mut Context<'_>) -> Result<(), ExchangeEnd> {
        while !self.reads_no_more {
            while self.takes_body() && self.upstream.write_buffer.waiting() < BUFFERED_BYTES_MAX {
                let Poll::Ready(piece) = self.client.poll_body(context) else { break };
                let piece = piece.map_err(|fault| self.body_fault(fault))?;
                self.moved = true;
                let taken = self.upload.take(piece, &mut self.upstream.write_buffer);
                taken.map_err(|TooLarge| self.refuse(RequestFault::TooLarge))?;
            }
            if self.upstream.write_buffer.waiting() == 0 {
                break;
            }
            match self.upstream.poll_flush(context) {
                Poll::Ready(Ok(())) => self.moved = true,
                // An answer may be there all the same: why the instance hung up.
                Poll::Ready(Err(_)) => self.reads_no_more = true,
                Poll::Pending => break,
            }
        }
        if self.sent_at.is_none() && self.upload.is_complete() && self.upstream.write_buffer.waiting() == 0 {
            self.sent_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Moves the answer as far as it goes. Everything that was read is written before more is read.
    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<ExchangeEnd, ExchangeEnd>> {
        loop {
            let is_left = self.read_answer()?;
            let is_flushed = match self.client.poll_flush(context) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(ExchangeEnd::Gone)),
                Poll::Pending if self.client.is_full() => return Poll::Pending,
                Poll::Pending => false,
            };
            if let AnswerState::Complete { keep_alive } = self.answer {
                // An instance that answers early may read on; so the rest of the request still goes there.
                if !keep_alive || self.reads_no_more || !self.upload.is_going() {
                    return if is_flushed { Poll::Ready(Ok(ExchangeEnd::Answered)) } else { Poll::Pending };
                }
            } else if is_flushed && is_left {
                continue;
            }
            match ready!(self.upstream.poll_read(context)) {
                Ok(1..) => (self.moved, self.answer_begun) = (true, true),
                Ok(0) => self.end(true)?,
                Err(_) => self.end(false)?,
            }
        }
    }

    /// Takes in what was read from the instance; true where some is left because enough waits for the client.
    fn read_answer(&mut self) -> Result<bool, ExchangeEnd> {
        loop {
            match &mut self.answer {
                AnswerState::Awaited if self.upstream.incoming.is_empty() => return Ok(false),
                AnswerState::Awaited => {
                    let parsed =
                        ResponseHead::parse(&mut self.upstream.incoming, &HeadLimits::UPSTREAM, &self.call.head.method);
                    match parsed {
                        Ok(Some(head)) => self.take_head(head)?,
                        Ok(None) => return Ok(false),
                        Err(_) => return Err(self.fail(FailureKind::Protocol)),
                    }
                }
                AnswerState::Coming { decoder, encoder, trailed, keep_alive, .. } => {
                    if self.client.is_full() {
                        return Ok(true);
                    }
                    match decoder.decode(&mut self.upstream.incoming) {
                        Ok(Piece::Data(data)) => {
                            if encoder.open(data.len(), self.client.stage()) == Ok(true) {
                                self.client.stage_data(data);
                                encoder.close(self.client.stage());
                            }
                        }
                        Ok(Piece::Trailers(trailers)) => {
                            let _ = encoder.finish(&upload::plain(&trailers), self.client.stage());
                            *trailed = true;
                        }
                        Ok(Piece::End) => {
                            if !*trailed {
                                let _ = encoder.finish(b"", self.client.stage());
                            }
                            self.answer = AnswerState::Complete { keep_alive: *keep_alive };
                        }
                        Ok(Piece::Pending) => return Ok(false),
                        Err(_) => return Err(self.break_off(FailureKind::Protocol)),
                    }
                }
                AnswerState::Complete { .. } => return Ok(false),
            }
        }
    }

    fn take_head(&mut self, head: ResponseHead) -> Result<(), ExchangeEnd> {
        match head.status {
            101 if self.may_switch(&head) => return Err(ExchangeEnd::Switched(head)),
            101 => return Err(self.fail(FailureKind::Protocol)),
            ..200 => return self.take_interim(&head),
            200.. => {
                self.call.status.set(head.status);
                self.lease.answered(head.status);
            }
        }
        self.upstream.keep_alive = head.fields.get("keep-alive").and_then(keep_alive::announced);
        let (request, version) = (self.call.head, self.call.head.version);
        let framing = answer::reframe(head.framing, version);
        // An upstream that closes cannot be sent the rest of the request, and behind an unread rest the client's next
        // request cannot be found.
        let is_complete = head.keep_alive || !self.upload.is_going();
        let keep_alive =
            request.keep_alive && framing != Framing::UntilClose && is_complete && !self.client.is_stopping();
        self.call.keep_alive.set(keep_alive);
        let (id, cut) = (self.call.id.as_str(), self.call.cut_prefix());
        let answer_context =
            AnswerContext { framing, method: &request.method, version, keep_alive, id, cut: cut.as_ref() };
        answer::write(&head, &answer_context, self.client.stage());
        self.call.allow_page(&head, self.client.stage());
        if head.fields.get("date").is_none() {
            self.client.stage_date();
        }
        self.client.stage().extend_from_slice(b"\r\n");
        self.answer = AnswerState::Coming {
            decoder: BodyDecoder::new(head.framing),
            encoder: BodyEncoder::new(framing),
            trailed: false,
            keep_alive: head.keep_alive,
            endless: answer::is_event_stream(&head),
        };
        Ok(())
    }

    /// Passes an interim answer on to a client that knows what it is; `100 Continue` only to one that waits for it.
    fn take_interim(&mut self, head: &ResponseHead) -> Result<(), ExchangeEnd> {
        self.interim = self.interim.saturating_add(1);
        if self.interim > INTERIM_ANSWERS_MAX {
            return Err(self.fail(FailureKind::Protocol));
        }
        if self.call.head.version == Version::Http10 {
            return Ok(());
        }
        if head.status != 100 || self.client.owes_continue() {
            answer::write_interim(head, self.client.stage_interim(head.status));
        }
        Ok(())
    }

    /// True where the client asked for one of the protocols that the instance switches to.
    fn may_switch(&self, head: &ResponseHead) -> bool {
        let requested = || self.call.head.fields.all("upgrade").flat_map(super::header_rules::elements);
        let mut offered = head.fields.all("upgrade").flat_map(super::header_rules::elements);
        self.call.head.wants_upgrade && offered.any(|one| requested().any(|other| one.eq_ignore_ascii_case(other)))
    }

    /// The instance closed the connection, in good order or not.
    fn end(&mut self, in_order: bool) -> Result<(), ExchangeEnd> {
        self.reads_no_more = true;
        match &mut self.answer {
            AnswerState::Awaited => return Err(self.fail(FailureKind::Reset)),
            AnswerState::Complete { .. } => {}
            AnswerState::Coming { decoder, encoder, .. } => {
                if !in_order || decoder.end().is_err() {
                    return Err(self.break_off(FailureKind::Reset));
                }
                let _ = encoder.finish(b"", self.client.stage());
                self.answer = AnswerState::Complete { keep_alive: false };
            }
        }
        Ok(())
    }

    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<ExchangeEnd> {
        if self.moved {
            self.client.set_deadline(self.timeout_left());
            return Poll::Pending;
        }
        if !self.client.deadline_has_passed() {
            return Poll::Pending;
        }
        Poll::Ready(match self.answer {
            AnswerState::Awaited if !self.insists && self.client.owes_continue() => {
                self.insists = true;
                self.client.set_deadline(self.timeout_left());
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            AnswerState::Awaited => self.fail(FailureKind::Timeout),
            AnswerState::Coming { .. } => self.break_off(FailureKind::Timeout),
            AnswerState::Complete { .. } => ExchangeEnd::Answered,
        })
    }

    /// The time for which nothing may move from now on.
    fn timeout_left(&self) -> Duration {
        let timeout = self.call.service.timeout();
        let left = |sent: Instant| timeout.saturating_sub(sent.elapsed());
        match (&self.answer, self.sent_at) {
            (AnswerState::Awaited, Some(sent)) => left(sent),
            (AnswerState::Awaited, None) if !self.insists && self.client.owes_continue() => {
                CONTINUE_TIMEOUT.min(timeout)
            }
            // The client is the slow side then, and its connection has a limit for that.
            (AnswerState::Awaited, None) if self.upstream.write_buffer.waiting() == 0 => ANSWER_IDLE_TIMEOUT,
            (AnswerState::Awaited, None) => timeout,
            (AnswerState::Coming { endless: false, .. }, Some(sent)) => ANSWER_IDLE_TIMEOUT.min(left(sent)),
            (AnswerState::Coming { .. }, _) => ANSWER_IDLE_TIMEOUT,
            (AnswerState::Complete { .. }, _) => REST_OF_REQUEST_TIMEOUT,
        }
    }

    fn body_fault(&self, fault: BodyFault) -> ExchangeEnd {
        match fault {
            BodyFault::Truncated => ExchangeEnd::Gone,
            BodyFault::Malformed => self.refuse(RequestFault::Malformed),
            BodyFault::Stalled => self.refuse(RequestFault::Stalled),
        }
    }

    fn refuse(&self, refusal: RequestFault) -> ExchangeEnd {
        match self.answer {
            AnswerState::Awaited => ExchangeEnd::Refused(refusal),
            AnswerState::Coming { .. } | AnswerState::Complete { .. } => ExchangeEnd::Broken,
        }
    }

    fn fail(&self, failure: FailureKind) -> ExchangeEnd {
        ExchangeEnd::Failed(FailedAttempt {
            failure,
            answer_begun: self.answer_begun,
            request_begun: self.upstream.write_buffer.written() > 0,
            body_is_fresh: self.upload.is_fresh(),
            reused: self.upstream.idle.is_some(),
        })
    }

    fn break_off(&self, failure: FailureKind) -> ExchangeEnd {
        self.lease.failed(failure);
        ExchangeEnd::Broken
    }
}
