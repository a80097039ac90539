//! End of a process: by a stop, or by itself.
//!
//! Steps of a stop: let calls finish (only on a replacement, 30 s), close standard input, 2 s, SIGTERM to the tree, 3
//! s, SIGKILL until nothing is left.

use std::time::Duration;

use actix::{ActorContext, AsyncContext, Context, Handler};

use crate::supervisor::{
    exit::Exit,
    guard,
    messages::{ChildLost, StopInstance},
    server::{ProcessPhase, ServerActor},
    writer::LineWriter,
};

/// Time after a process's end in which its last answers may still be in the pipe. Another process may hold the pipe
/// open for ever.
const LAST_ANSWERS_TIMEOUT: Duration = Duration::from_millis(100);

/// Time that a process may live without standard output before it is ended.
const CLOSED_OUTPUT_GRACE: Duration = Duration::from_millis(500);

/// Time for requests that have got through to finish, once another one made no connection.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

impl ServerActor {
    /// Ends a server that cannot take requests: further ones wait for its successor, and are not sent after it one by
    /// one.
    pub(super) fn give_way(&mut self, exit: Exit, ctx: &mut Context<Self>) {
        match self.phase {
            ProcessPhase::Starting => self.end_now(exit),
            ProcessPhase::Ready => {
                self.exit.record(exit);
                self.phase = ProcessPhase::Draining;
                self.supervisor.lost.do_send(ChildLost { id: self.id, generation: self.instance.generation });
                ctx.run_later(DRAIN_TIMEOUT, |actor, ctx| actor.stop(ctx));
            }
            ProcessPhase::Draining | ProcessPhase::Stopping => {}
        }
    }

    /// The process is gone; what it left in the pipe is still taken in.
    pub(super) fn on_process_ended(&mut self, ctx: &mut Context<Self>) {
        self.report_lost();
        ctx.run_later(LAST_ANSWERS_TIMEOUT, |actor, _| actor.fail_read_requests());
    }

    /// Nothing more can be answered.
    pub(super) fn on_output_ended(&mut self, ctx: &mut Context<Self>) {
        self.report_lost();
        self.fail_read_requests();
        ctx.run_later(CLOSED_OUTPUT_GRACE, |actor, _| {
            if actor.phase != ProcessPhase::Stopping {
                actor.end_now(Exit::ClosedOutput);
            }
        });
    }

    /// Callers should turn to another process; those who have not seen it yet are sent away.
    pub(super) fn report_lost(&mut self) {
        match self.writer.take() {
            Some(writer @ LineWriter::Pipe(_)) => self.unread = Some(writer),
            // Letting go of it ends the connection.
            Some(LineWriter::Remote(_)) | None => {}
        }
        self.supervisor.lost.do_send(ChildLost { id: self.id, generation: self.instance.generation });
    }

    /// Fails the requests that the server may have acted on. The others wait for the end of its whole tree: until then
    /// another process in it may read them.
    fn fail_read_requests(&mut self) {
        let read = self.unread.as_ref().and_then(LineWriter::read_by_server).unwrap_or(usize::MAX);
        self.requests.fail_before(read, "the server ended");
    }

    /// The whole tree is gone: requests that were never read go to the next process.
    pub(super) fn settle_remaining(&mut self) {
        self.fail_read_requests();
        self.requests.return_unsent();
    }

    /// Goes on with the stop once the last request in flight is settled.
    pub(super) fn stop_if_drained(&mut self, ctx: &mut Context<Self>) {
        if self.phase == ProcessPhase::Draining && self.requests.is_empty() {
            self.stop(ctx);
        }
    }

    /// Close standard input, wait, SIGTERM, wait, SIGKILL (specification, basic/lifecycle, "shutdown").
    pub(super) fn stop(&mut self, ctx: &mut Context<Self>) {
        if self.phase == ProcessPhase::Stopping {
            return;
        }
        self.phase = ProcessPhase::Stopping;
        self.exit.record(Exit::Stopped);
        self.requests.fail_all("the server was stopped");
        self.refuse_server_requests();
        self.writer = None;
        if let Some(waiting) = self.waiting.take() {
            // There is no process yet.
            ctx.cancel_future(waiting);
            return ctx.stop();
        }
        let (after_eof, after_term) = self.launch.stop_grace;
        self.order_later(after_eof, guard::TERMINATE, ctx);
        self.order_later(after_eof.saturating_add(after_term), guard::KILL, ctx);
    }

    fn order_later(&self, delay: Duration, order: u8, ctx: &mut Context<Self>) {
        ctx.run_later(delay, move |actor, _| {
            if let Some(orders) = &actor.orders {
                orders.send(order);
            }
        });
    }
}

impl Handler<StopInstance> for ServerActor {
    type Result = ();

    fn handle(&mut self, stop: StopInstance, ctx: &mut Context<Self>) {
        match self.phase {
            ProcessPhase::Stopping => {}
            ProcessPhase::Starting => self.stop(ctx),
            ProcessPhase::Ready | ProcessPhase::Draining if stop.drain.is_zero() => self.stop(ctx),
            ProcessPhase::Ready | ProcessPhase::Draining => {
                self.phase = ProcessPhase::Draining;
                ctx.run_later(stop.drain, |actor, ctx| actor.stop(ctx));
                self.stop_if_drained(ctx);
            }
        }
    }
}
