//! [`Exchange`]: one request on one connection to an instance, both directions at the same time, on one task.

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    gateway::{Failure, Lease},
    http::{
        edge::Connection,
        forward::{
            Call,
            answer::{self, Telling},
            retry::Attempt,
            upload::{self, TooLarge, Upload},
            upstream::Upstream,
        },
        wire::{BodyDecoder, BodyEncoder, BodyFault, Framing, HeadLimits, Piece, ResponseHead, Version},
    },
};

/// Bytes that may wait for one side before no more are taken from the other.
const FULL: usize = 128 << 10;
/// The longest nothing may move in either direction once the answer has begun.
const IDLE: Duration = Duration::from_secs(300);
/// The longest a client may send nothing of its body, or read nothing of its answer.
const STALL: Duration = Duration::from_secs(30);
/// Interim answers to one request.
const MOST_INTERIM: u32 = 16;

/// How an exchange ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The client has the whole answer.
    Answered,
    /// The instance switches protocols, and so does the client once it is told.
    Switched(ResponseHead),
    /// There is no answer, and the client has heard nothing.
    Failed(Attempt),
    /// The client is at fault, and has heard nothing.
    Refused(Refusal),
    /// The answer broke off: only a closed connection tells the client.
    Broken,
    /// The client went away.
    Gone,
}

/// What is wrong with the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is too long.
    TooLarge,
    /// It cannot be read.
    Malformed,
    /// It stopped arriving.
    Stalled,
}

/// A request under way.
pub(super) struct Exchange<'a> {
    client: &'a mut Connection,
    call: &'a Call<'a>,
    lease: &'a Lease,
    upload: &'a mut Upload,
    /// The connection it is sent on.
    pub(super) upstream: Upstream,
    answer: Answer,
    /// Whether the instance reads no more.
    deaf: bool,
    interim: u32,
    /// Whether a byte of an answer came.
    begun: bool,
    moved: bool,
    moved_at: Instant,
    /// When the request had left, and the time of the answer began.
    sent_at: Option<Instant>,
}

enum Answer {
    Awaited,
    Coming { decoder: BodyDecoder, encoder: BodyEncoder, trailed: bool, keep_alive: bool, endless: bool },
    Whole { keep_alive: bool },
}

impl<'a> Exchange<'a> {
    /// An exchange on `upstream`, in whose outbox the head of the request waits.
    pub(super) fn new(
        client: &'a mut Connection,
        call: &'a Call<'a>,
        lease: &'a Lease,
        upload: &'a mut Upload,
        upstream: Upstream,
    ) -> Self {
        let moved_at = Instant::now();
        Self {
            client,
            call,
            lease,
            upload,
            upstream,
            answer: Answer::Awaited,
            deaf: false,
            interim: 0,
            begun: false,
            moved: false,
            moved_at,
            sent_at: None,
        }
    }

    /// Goes on until one of the ends is reached.
    pub(super) async fn run(&mut self) -> Outcome {
        poll_fn(|context| self.poll(context)).await
    }

    /// Whether the connection can serve another request.
    pub(super) fn is_clean(&self) -> bool {
        matches!(self.answer, Answer::Whole { keep_alive: true })
            && self.upload.is_whole()
            && !self.deaf
            && self.upstream.outbox.waiting() == 0
            && self.upstream.incoming.is_empty()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        self.moved = false;
        if let Err(outcome) = self.poll_upload(context) {
            return Poll::Ready(outcome);
        }
        if let Poll::Ready(outcome) = self.poll_answer(context) {
            return Poll::Ready(outcome);
        }
        if !self.upload.is_going() && self.client.poll_gone(context).is_ready() {
            return Poll::Ready(Outcome::Gone);
        }
        self.poll_alarm(context)
    }

    /// Moves the request as far as it goes. What is there of it is gathered first, so that head and body leave together.
    fn poll_upload(&mut self, context: &mut Context<'_>) -> Result<(), Outcome> {
        while !self.deaf {
            while self.upload.is_going() && self.upstream.outbox.waiting() < FULL {
                let Poll::Ready(piece) = self.client.poll_body(context) else { break };
                let piece = piece.map_err(|fault| self.explain(fault))?;
                self.moved = true;
                let taken = self.upload.take(piece, &mut self.upstream.outbox);
                taken.map_err(|TooLarge| self.refuse(Refusal::TooLarge))?;
            }
            if self.upstream.outbox.waiting() == 0 {
                break;
            }
            match self.upstream.poll_flush(context) {
                Poll::Ready(Ok(())) => self.moved = true,
                // An answer may be there all the same: why the instance hung up.
                Poll::Ready(Err(_)) => self.deaf = true,
                Poll::Pending => break,
            }
        }
        if self.sent_at.is_none() && self.upload.is_whole() && self.upstream.outbox.waiting() == 0 {
            self.sent_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Moves the answer as far as it goes. Everything that was read is written before more is read.
    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        loop {
            if let Err(outcome) = self.take_in() {
                return Poll::Ready(outcome);
            }
            if self.client.waiting() > 0 {
                match self.client.poll_flush(context) {
                    Poll::Ready(Ok(())) => self.moved = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(Outcome::Gone),
                    Poll::Pending if self.client.waiting() >= FULL => return Poll::Pending,
                    Poll::Pending => {}
                }
            }
            if let Answer::Whole { keep_alive } = self.answer {
                // One that answers early may read on; so the rest of the request still goes there.
                let is_over = !keep_alive || self.deaf || !self.upload.is_going();
                if self.client.waiting() == 0 && is_over {
                    return Poll::Ready(Outcome::Answered);
                }
            }
            match ready!(self.upstream.poll_read(context)) {
                Ok(0) => return self.poll_end(context, None),
                Ok(_) => (self.moved, self.begun) = (true, true),
                Err(error) => return self.poll_end(context, Some(error)),
            }
        }
    }

    /// Takes in what was read from the instance.
    fn take_in(&mut self) -> Result<(), Outcome> {
        loop {
            match &mut self.answer {
                Answer::Awaited if self.upstream.incoming.is_empty() => return Ok(()),
                Answer::Awaited => {
                    let parsed = ResponseHead::parse(
                        &mut self.upstream.incoming,
                        &HeadLimits::UPSTREAM,
                        &self.call.head.method,
                    );
                    match parsed {
                        Ok(Some(head)) => self.take_head(head)?,
                        Ok(None) => return Ok(()),
                        Err(_) => return Err(self.fail(Failure::Protocol)),
                    }
                }
                Answer::Coming { decoder, encoder, trailed, keep_alive, .. } => {
                    if self.client.waiting() >= FULL {
                        return Ok(());
                    }
                    let out = self.client.out();
                    match decoder.decode(&mut self.upstream.incoming) {
                        Ok(Piece::Data(data)) => {
                            if encoder.open(data.len(), out.end()) == Ok(true) {
                                out.push(data);
                                encoder.close(out.end());
                            }
                        }
                        Ok(Piece::Trailers(trailers)) => {
                            let _ = encoder.finish(&upload::plain(&trailers), out.end());
                            *trailed = true;
                        }
                        Ok(Piece::End) => {
                            if !*trailed {
                                let _ = encoder.finish(b"", out.end());
                            }
                            self.answer = Answer::Whole { keep_alive: *keep_alive };
                        }
                        Ok(Piece::Pending) => return Ok(()),
                        Err(_) => return Err(self.break_off(Failure::Protocol)),
                    }
                }
                Answer::Whole { .. } => return Ok(()),
            }
        }
    }

    fn take_head(&mut self, head: ResponseHead) -> Result<(), Outcome> {
        match head.status {
            101 if self.may_switch(&head) => return Err(Outcome::Switched(head)),
            101 => return Err(self.fail(Failure::Protocol)),
            ..200 => return self.take_interim(&head),
            200.. => self.lease.answered(head.status),
        }
        let (request, version) = (self.call.head, self.call.head.version);
        let framing = answer::reframe(head.framing, version);
        // Who says that it will not read the rest of a request cannot be sent it, nor can the next one be told from it.
        let is_complete = head.keep_alive || !self.upload.is_going();
        let keep_alive = request.keep_alive && framing != Framing::UntilClose && is_complete;
        self.call.keep_alive.set(keep_alive);
        let telling = Telling { framing, method: &request.method, version, keep_alive, id: self.call.id.as_str() };
        answer::write(&head, &telling, self.client.out().end());
        self.answer = Answer::Coming {
            decoder: BodyDecoder::new(head.framing),
            encoder: BodyEncoder::new(framing),
            trailed: false,
            keep_alive: head.keep_alive,
            endless: is_endless(&head),
        };
        Ok(())
    }

    /// Passes an interim answer on to a client that knows what it is; `100 Continue` only to one that waits for it.
    fn take_interim(&mut self, head: &ResponseHead) -> Result<(), Outcome> {
        self.interim = self.interim.saturating_add(1);
        if self.interim > MOST_INTERIM {
            return Err(self.fail(Failure::Protocol));
        }
        if self.call.head.version == Version::Http10 {
            return Ok(());
        }
        match head.status {
            100 => self.client.write_continue(),
            101.. | ..100 => answer::write_interim(head, self.client.out().end()),
        }
        Ok(())
    }

    /// Whether the client asked for one of the protocols that the instance switches to.
    fn may_switch(&self, head: &ResponseHead) -> bool {
        let asked = || self.call.head.fields.all("upgrade").flat_map(super::field::elements);
        let mut offered = head.fields.all("upgrade").flat_map(super::field::elements);
        self.call.head.wants_upgrade && offered.any(|one| asked().any(|other| one.eq_ignore_ascii_case(other)))
    }

    /// The instance closed its side.
    fn poll_end(&mut self, context: &mut Context<'_>, error: Option<io::Error>) -> Poll<Outcome> {
        match &mut self.answer {
            Answer::Awaited => Poll::Ready(self.fail(Failure::Reset)),
            Answer::Whole { .. } => {
                self.deaf = true;
                ready!(self.client.poll_flush(context)).map_or(Poll::Ready(Outcome::Gone), |()| Poll::Ready(Outcome::Answered))
            }
            Answer::Coming { decoder, encoder, .. } => {
                if error.is_some() || decoder.end().is_err() {
                    return Poll::Ready(self.break_off(Failure::Reset));
                }
                let _ = encoder.finish(b"", self.client.out().end());
                self.answer = Answer::Whole { keep_alive: false };
                ready!(self.client.poll_flush(context)).map_or(Poll::Ready(Outcome::Gone), |()| Poll::Ready(Outcome::Answered))
            }
        }
    }

    fn poll_alarm(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        if self.moved {
            self.moved_at = Instant::now();
        }
        ready!(self.upstream.alarm.poll(context, self.deadline()));
        Poll::Ready(match self.answer {
            Answer::Awaited if self.is_body_awaited() => self.refuse(Refusal::Stalled),
            Answer::Awaited => self.fail(Failure::Timeout),
            Answer::Coming { .. } if self.client.waiting() > 0 => Outcome::Gone,
            Answer::Coming { .. } => self.break_off(Failure::Timeout),
            Answer::Whole { .. } => Outcome::Answered,
        })
    }

    fn deadline(&self) -> Instant {
        let timeout = self.call.service.timeout();
        let whole = |since: Instant| since.checked_add(timeout).unwrap_or(since + IDLE);
        let quiet = self.moved_at + if self.client.waiting() > 0 { STALL } else { IDLE };
        match (&self.answer, self.sent_at) {
            (Answer::Awaited, Some(sent)) => whole(sent),
            (Answer::Awaited, None) if self.is_body_awaited() => self.moved_at + STALL,
            (Answer::Awaited, None) => whole(self.moved_at),
            (Answer::Coming { endless: false, .. }, Some(sent)) => quiet.min(whole(sent)),
            (Answer::Coming { .. }, _) => quiet,
            (Answer::Whole { .. }, _) => self.moved_at + STALL,
        }
    }

    /// Whether the client is the one who is waited for.
    fn is_body_awaited(&self) -> bool {
        self.upload.is_going() && self.upstream.outbox.waiting() == 0 && !self.deaf
    }

    fn explain(&self, fault: BodyFault) -> Outcome {
        match fault {
            BodyFault::Truncated => Outcome::Gone,
            BodyFault::Malformed => self.refuse(Refusal::Malformed),
            BodyFault::Stalled => self.refuse(Refusal::Stalled),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Outcome {
        match self.answer {
            Answer::Awaited => Outcome::Refused(refusal),
            Answer::Coming { .. } | Answer::Whole { .. } => Outcome::Broken,
        }
    }

    fn fail(&self, failure: Failure) -> Outcome {
        Outcome::Failed(Attempt {
            failure,
            answer_begun: self.begun,
            request_begun: self.upstream.outbox.written() > 0,
            body_is_fresh: self.upload.is_fresh(),
            reused: self.upstream.reused,
        })
    }

    fn break_off(&self, failure: Failure) -> Outcome {
        self.lease.failed(failure);
        Outcome::Broken
    }
}

/// Whether the answer is a stream of events, which ends when nobody wants it any more.
fn is_endless(head: &ResponseHead) -> bool {
    let stream = b"text/event-stream";
    let kind = head.fields.get("content-type").and_then(|value| value.get(..stream.len()));
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(stream))
}
