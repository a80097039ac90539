//! A server over HTTP in the place of a process: its beginning, what is heard of it, and its end.

use std::{io, time::Duration};

use actix::{ActorContext, AsyncContext, Context, StreamHandler};
use futures_util::stream;
use serde_json::value::RawValue;

use crate::{
    mcp::Frame,
    supervisor::{
        exit::Exit,
        launch::RemoteTarget,
        messages::{Answer, ChildLost},
        remote::{self, Failure, Heard},
        server::{Phase, ServerActor},
        writer::Writer,
    },
};

/// Time for requests that have got through to finish, once another one made no connection.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

impl ServerActor {
    /// Begins where [`remote::connect`] does: the first request makes the first connection.
    pub(super) fn reach(&mut self, target: &RemoteTarget, ctx: &mut Context<Self>) -> io::Result<()> {
        self.reporter = Some(self.exit_guard());
        let (sender, heard) = remote::connect(target, &self.lines).map_err(io::Error::other)?;
        self.writer = Some(Writer::Remote(sender));
        ctx.add_stream(stream::unfold(heard, |mut heard| async { heard.recv().await.map(|next| (next, heard)) }));
        self.greet(ctx);
        Ok(())
    }

    fn request_failed(&mut self, id: &RawValue, failure: Failure, ctx: &mut Context<Self>) {
        let Ok(id) = id.get().parse() else { return };
        let error = failure.error();
        if !self.is_answer_to_us(id, Some(&error), ctx) {
            let answer = if !failure.may_have_acted() {
                Answer::NotSent
            } else if self.pings.contains(&id) {
                // A proxy in front of the server may have answered: no sign of life.
                Answer::Died(failure.to_string())
            } else {
                Answer::Error(error)
            };
            self.requests.settle(Some(id), answer);
        }
        match failure {
            Failure::Unreached(why) => self.gone(Exit::Unreachable(why), ctx),
            Failure::Unauthorized => self.gone(Exit::Unauthorized, ctx),
            Failure::TooNarrow if self.phase == Phase::Starting => self.gone(Exit::Unauthorized, ctx),
            Failure::TooNarrow | Failure::SessionLost | Failure::Refused(_) | Failure::Broken(_) => {}
        }
        self.stop_if_drained(ctx);
    }

    /// Ends a server that cannot be reached: further requests wait for its return, and are not sent after it one by
    /// one.
    fn gone(&mut self, exit: Exit, ctx: &mut Context<Self>) {
        match self.phase {
            Phase::Starting => self.end_now(exit),
            Phase::Ready => {
                self.exit.note(exit);
                self.phase = Phase::Draining;
                self.supervisor.lost.do_send(ChildLost { id: self.id, generation: self.instance.generation });
                ctx.run_later(LAST_REQUESTS, |actor, ctx| actor.stop(ctx));
            }
            Phase::Draining | Phase::Stopping => {}
        }
    }
}

impl StreamHandler<Heard> for ServerActor {
    fn handle(&mut self, heard: Heard, ctx: &mut Context<Self>) {
        match heard {
            Heard::Frame(frame) => StreamHandler::<Frame>::handle(self, frame, ctx),
            Heard::Failed { id, failure } => self.request_failed(&id, failure, ctx),
            Heard::Said(text) => self.link.output.push(text.as_bytes()),
            Heard::Over(reason) => {
                self.exit.note(Exit::Disconnected(reason));
                self.lost();
            }
        }
    }

    fn finished(&mut self, ctx: &mut Context<Self>) {
        self.settle_the_rest();
        self.exit.note(Exit::Lost);
        ctx.stop();
    }
}
