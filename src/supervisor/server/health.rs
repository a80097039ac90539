//! Health of a process, and the ping that finds it out where there is no traffic.
//!
//! Traffic since the last tick is proof of life; otherwise `ping` (legacy) or `server/discover` (modern), and where
//! that is not answered, a list that it offers: some servers leave `ping` open and are well. Three misses in a row end
//! the process. None is counted while it may be busy: with a request sent no later than the first since it last sent a
//! message.

use std::{sync::Arc, time::Duration};

use actix::{AsyncContext, Context, Handler, ResponseFuture};

use crate::{
    mcp::{self, Era},
    supervisor::{
        exit::Exit,
        list_kind::ListKind,
        messages::{Answer, CheckHealth, Pinged},
        server::{ProcessPhase, ServerActor},
        server_instance::ServerInstance,
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
        let questions = self.questions();
        self.pings.extend(questions.iter().map(|(id, _)| *id));
        let (instance, addr, timeout) = (self.instance.clone(), ctx.address(), self.launch.ping_timeout);
        Box::pin(async move {
            let mut answered = None;
            for (id, method) in &questions {
                if answered.is_none() && is_answered(&instance, *id, method, timeout).await {
                    answered = Some(*id);
                }
            }
            let ids = questions.iter().map(|(id, _)| *id).collect();
            addr.do_send(Pinged { ids, answered, occasion });
            answered.is_some()
        })
    }
}

/// Asks one question; even a refusal is a sign of life.
async fn is_answered(instance: &Arc<ServerInstance>, id: u64, method: &str, timeout: Duration) -> bool {
    // Taken back at the end, before it is counted as missed: it must not look like work.
    let mut question = instance.request_as(id, |id, era| mcp::request(id, method, "", era));
    let answer = tokio::time::timeout(timeout, question.answer()).await;
    matches!(answer, Ok(Answer::Result(_) | Answer::Error(_)))
}

impl Handler<Pinged> for ServerActor {
    type Result = ();

    fn handle(&mut self, Pinged { ids, answered, occasion }: Pinged, _: &mut Context<Self>) {
        self.pings.retain(|id| !ids.contains(id));
        match (answered, occasion) {
            (Some(id), _) => {
                self.misses = 0;
                // One that has answered it is late today, and no server that leaves it open.
                self.answers_ping.get_or_insert(ids.first() == Some(&id));
            }
            (None, CheckHealth::OnDemand) => {}
            (None, CheckHealth::Periodic) => self.misses = self.misses.saturating_add(1),
        }
        if self.misses >= MISSED_PINGS_MAX && !self.is_busy() {
            self.end_now(Exit::Unresponsive);
        }
    }
}

impl ServerActor {
    /// Questions that show a sign of life, to be asked one after the other until one is answered, with their ids.
    fn questions(&self) -> Vec<(u64, &'static str)> {
        let ping = match self.instance.era() {
            Era::Legacy => "ping",
            Era::Modern => "server/discover",
        };
        let capabilities = self.instance.capabilities();
        let list = ListKind::ALL.iter().find(|list| capabilities.has(list.capability())).map(|list| list.method());
        let methods = [Some(ping).filter(|_| self.answers_ping != Some(false) || list.is_none()), list];
        methods.into_iter().flatten().map(|method| (self.instance.next_id(), method)).collect()
    }

    /// True when it may be silent because it works on a call in flight.
    ///
    /// The first call since it last sent a message, or an earlier one, may keep it busy. Once those were given up,
    /// later ones prove nothing: a process that hangs has calls in flight all the time where there are callers enough.
    fn is_busy(&self) -> bool {
        let last = self.first_since_message.unwrap_or(u64::MAX);
        self.requests.ids().any(|id| id <= last && !self.pings.contains(&id))
    }
}
