//! A process's end: asked for, or found out.
//!
//! Steps of a stop: let calls finish (only on a replacement, 30 s), close standard input, 2 s, SIGTERM to the tree, 3
//! s, SIGKILL until nothing is left.

use std::time::Duration;

use actix::{AsyncContext, Context, Handler};

use crate::supervisor::{
    exit::Exit,
    guard,
    messages::{ChildLost, StopInstance},
    server::{Phase, ServerActor},
    writer::Writer,
};

/// Time after a process's end in which its last answers may still be in the pipe. Another process may hold the pipe
/// open for ever.
const LAST_ANSWERS: Duration = Duration::from_millis(100);

/// Time that a process may live without standard output before it is ended.
const MUTE: Duration = Duration::from_millis(500);

impl ServerActor {
    /// The process is gone; what it left in the pipe is still taken in.
    pub(super) fn process_ended(&mut self, ctx: &mut Context<Self>) {
        self.lost();
        ctx.run_later(LAST_ANSWERS, |actor, _| actor.fail_what_was_read());
    }

    /// Nothing more can be answered.
    pub(super) fn output_ended(&mut self, ctx: &mut Context<Self>) {
        self.lost();
        self.fail_what_was_read();
        ctx.run_later(MUTE, |actor, _| {
            if actor.phase != Phase::Stopping {
                actor.end_now(Exit::ClosedOutput);
            }
        });
    }

    /// Callers should turn to another process; those who have not heard of it yet are sent away.
    pub(super) fn lost(&mut self) {
        match self.writer.take() {
            Some(writer @ Writer::Pipe(_)) => self.unread = Some(writer),
            // Letting go of it ends the connection.
            Some(Writer::Remote(_)) | None => {}
        }
        self.supervisor.lost.do_send(ChildLost { id: self.id, generation: self.instance.generation });
    }

    /// Fails the requests that the server may have acted on. The others wait for the end of its whole tree: until then
    /// another process in it may read them.
    fn fail_what_was_read(&mut self) {
        let read = self.unread.as_ref().and_then(Writer::read_by_server).unwrap_or(usize::MAX);
        self.requests.fail_before(read, "the server ended");
    }

    /// The whole tree is gone: requests that were never read go to the next process.
    pub(super) fn settle_the_rest(&mut self) {
        self.fail_what_was_read();
        self.requests.send_away();
    }

    /// Goes on with the stop once the last request in flight is settled.
    pub(super) fn stop_if_drained(&mut self, ctx: &mut Context<Self>) {
        if self.phase == Phase::Draining && self.requests.is_empty() {
            self.stop(ctx);
        }
    }

    /// Close standard input, wait, SIGTERM, wait, SIGKILL (specification, basic/lifecycle, "shutdown").
    pub(super) fn stop(&mut self, ctx: &mut Context<Self>) {
        if self.phase == Phase::Stopping {
            return;
        }
        self.phase = Phase::Stopping;
        self.exit.note(Exit::Asked);
        self.requests.fail_all("the server was stopped");
        self.refuse_questions();
        self.writer = None;
        let (after_eof, after_term) = self.launch.stop_grace;
        self.order_later(after_eof, guard::TERMINATE, ctx);
        self.order_later(after_eof.saturating_add(after_term), guard::KILL, ctx);
    }

    fn order_later(&self, delay: Duration, order: u8, ctx: &mut Context<Self>) {
        ctx.run_later(delay, move |actor, _| {
            if let Some(orders) = &actor.orders {
                orders.give(order);
            }
        });
    }
}

impl Handler<StopInstance> for ServerActor {
    type Result = ();

    fn handle(&mut self, stop: StopInstance, ctx: &mut Context<Self>) {
        match self.phase {
            Phase::Stopping => {}
            Phase::Starting => self.stop(ctx),
            Phase::Ready | Phase::Draining if stop.drain.is_zero() => self.stop(ctx),
            Phase::Ready | Phase::Draining => {
                self.phase = Phase::Draining;
                ctx.run_later(stop.drain, |actor, ctx| actor.stop(ctx));
                self.stop_if_drained(ctx);
            }
        }
    }
}
