//! Health of a process, and the ping that finds it out where there is no traffic.
//!
//! Traffic since the last tick is proof of life; otherwise `ping` (legacy) or `server/discover` (modern). Three misses
//! in a row end the process. None is counted while it may be busy: with a request sent no later than the first since it
//! last sent a message.

use actix::{AsyncContext, Context, Handler, ResponseFuture};

use crate::{
    mcp::{self, Era},
    supervisor::{
        exit::Exit,
        messages::{Answer, CheckHealth, Pinged},
        server::{ProcessPhase, ServerActor},
    },
};

/// Pings missed in a row that end a process.
const MISSED_PINGS_MAX: u32 = 3;

impl Handler<CheckHealth> for ServerActor {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, occasion: CheckHealth, ctx: &mut Context<Self>) -> Self::Result {
        if self.phase != ProcessPhase::Ready {
            return Box::pin(std::future::ready(self.phase == ProcessPhase::Draining));
        }
        let is_busy = self.is_busy();
        let has_traffic = occasion == CheckHealth::Periodic && self.last_message_at > self.last_message_at_tick;
        self.last_message_at_tick = self.last_message_at;
        if is_busy || has_traffic {
            self.misses = 0;
            return Box::pin(std::future::ready(true));
        }
        let mut ping = self.instance.request(|id, era| {
            let method = match era {
                Era::Legacy => "ping",
                Era::Modern => "server/discover",
            };
            mcp::request(id, method, "", era)
        });
        let id = ping.id();
        self.pings.insert(id);
        let (addr, timeout) = (ctx.address(), self.launch.ping_timeout);
        Box::pin(async move {
            let answer = tokio::time::timeout(timeout, ping.answer()).await;
            // Even a refusal is a sign of life.
            let alive = matches!(answer, Ok(Answer::Result(_) | Answer::Error(_)));
            // Taken back before it is counted as missed: it must not look like work.
            drop(ping);
            addr.do_send(Pinged { id, alive, occasion });
            alive
        })
    }
}

impl Handler<Pinged> for ServerActor {
    type Result = ();

    fn handle(&mut self, Pinged { id, alive, occasion }: Pinged, _: &mut Context<Self>) {
        self.pings.remove(&id);
        match (alive, occasion) {
            (true, _) => self.misses = 0,
            (false, CheckHealth::OnDemand) => {}
            (false, CheckHealth::Periodic) => self.misses = self.misses.saturating_add(1),
        }
        if self.misses >= MISSED_PINGS_MAX && !self.is_busy() {
            self.end_now(Exit::Unresponsive);
        }
    }
}

impl ServerActor {
    /// True when it may be silent because it works on a call in flight.
    ///
    /// The first call since it last sent a message, or an earlier one, may keep it busy. Once those were given up,
    /// later ones prove nothing: a process that hangs has calls in flight all the time where there are callers enough.
    fn is_busy(&self) -> bool {
        let last = self.first_since_message.unwrap_or(u64::MAX);
        self.requests.ids().any(|id| id <= last && !self.pings.contains(&id))
    }
}
