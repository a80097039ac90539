//! A server over HTTP in the place of a process: its beginning, its events, and its end.

use std::io;

use actix::{ActorContext, AsyncContext, Context, StreamHandler};
use futures_util::stream;
use serde_json::value::RawValue;

use crate::{
    mcp::Frame,
    supervisor::{
        exit::Exit,
        launch::RemoteTarget,
        messages::Answer,
        remote::{self, RemoteEvent, RemoteFailure},
        server::{ProcessPhase, ServerActor},
        writer::LineWriter,
    },
};

impl ServerActor {
    /// Begins where [`remote::connect`] does: the first request makes the first connection.
    pub(super) fn connect(&mut self, target: &RemoteTarget, ctx: &mut Context<Self>) -> io::Result<()> {
        self.report_its_end();
        let (sender, events) = remote::connect(target, &self.lines).map_err(io::Error::other)?;
        self.writer = Some(LineWriter::Remote(sender));
        ctx.add_stream(stream::unfold(events, |mut events| async { events.recv().await.map(|next| (next, events)) }));
        self.start_handshake(ctx);
        Ok(())
    }

    fn on_request_failed(&mut self, id: &RawValue, failure: RemoteFailure, ctx: &mut Context<Self>) {
        let Ok(id) = id.get().parse() else { return };
        let error = failure.error();
        if !self.answers_actor_request(id, Some(&error), ctx) {
            let answer = if !failure.may_have_acted() {
                Answer::NotSent
            } else if self.pings.contains(&id) {
                // A proxy in front of the server may have answered: no sign of life.
                Answer::Died(failure.to_string())
            } else {
                Answer::TransportFailed { error, reason: failure.to_string(), retry_after: failure.retry_after() }
            };
            self.requests.settle(Some(id), answer);
        }
        match failure {
            RemoteFailure::Unreachable(why) => self.give_way(Exit::Unreachable(why), ctx),
            RemoteFailure::Unauthorized => self.give_way(Exit::Unauthorized, ctx),
            RemoteFailure::InsufficientScope if self.phase == ProcessPhase::Starting => {
                self.give_way(Exit::Unauthorized, ctx)
            }
            // The end of the connection follows.
            RemoteFailure::SessionLost => self.exit.record(Exit::SessionLost),
            RemoteFailure::InsufficientScope | RemoteFailure::Refused(_) | RemoteFailure::Broken(_) => {}
        }
        self.stop_if_drained(ctx);
    }
}

impl StreamHandler<RemoteEvent> for ServerActor {
    fn handle(&mut self, event: RemoteEvent, ctx: &mut Context<Self>) {
        match event {
            RemoteEvent::Frame(frame) => StreamHandler::<Frame>::handle(self, frame, ctx),
            RemoteEvent::Failed { id, failure } => self.on_request_failed(&id, failure, ctx),
            RemoteEvent::Note(text) => self.link.output.push(text.as_bytes()),
            RemoteEvent::Closed(reason) => {
                self.exit.record(Exit::Disconnected(reason));
                self.report_lost();
            }
        }
    }

    fn finished(&mut self, ctx: &mut Context<Self>) {
        self.settle_remaining();
        self.exit.record(Exit::Lost("a defect ended its connection".into()));
        ctx.stop();
    }
}
