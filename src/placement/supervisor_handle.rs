//! [`SupervisorHandle`]: sends messages to the supervisor of this moment, and replaces one that was lost.

use std::sync::Arc;

use actix::{Addr, ArbiterHandle, Handler, Message, dev::ToEnvelope};
use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use crate::{
    error::{Error, Result},
    supervisor::{Supervisor, SupervisorEvent, SupervisorSettings},
};

/// The address of the supervisor, and what it takes to start another.
pub(crate) struct SupervisorHandle {
    addr: ArcSwap<Addr<Supervisor>>,
    settings: SupervisorSettings,
    arbiters: Vec<ArbiterHandle>,
    events: mpsc::UnboundedSender<SupervisorEvent>,
}

impl SupervisorHandle {
    /// Starts a supervisor on the first of `arbiters`, which reports to `events`.
    pub(crate) fn start(
        settings: SupervisorSettings,
        arbiters: Vec<ArbiterHandle>,
        events: mpsc::UnboundedSender<SupervisorEvent>,
    ) -> Result<Self> {
        let addr = supervise(&settings, &arbiters, &events)?;
        Ok(Self { addr: ArcSwap::from_pointee(addr), settings, arbiters, events })
    }

    /// Sends a message and waits for the answer; `NotReady` while the supervisor is being replaced.
    pub(crate) async fn ask<M>(&self, message: M) -> Result<M::Result>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        Supervisor: Handler<M>,
        actix::Context<Supervisor>: ToEnvelope<Supervisor, M>,
    {
        let lost = |_| Error::NotReady("the supervisor was lost and is being replaced; try again in a second");
        self.addr.load().send(message).await.map_err(lost)
    }

    /// Waits until every event so far has been dealt with, or is dealt with by nothing any more.
    pub(crate) async fn flush_events(&self) {
        let (flush, mut dropped) = mpsc::channel(1);
        // Without a receiver it is dropped at once.
        let _ = self.events.send(SupervisorEvent::Flush(flush));
        dropped.recv().await;
    }

    /// Starts another supervisor in place of one that was lost.
    pub(super) fn replace(&self) -> Result<()> {
        self.addr.store(Arc::new(supervise(&self.settings, &self.arbiters, &self.events)?));
        Ok(())
    }

    /// Address of the supervisor of this moment.
    pub(crate) fn address(&self) -> Addr<Supervisor> {
        Addr::clone(&self.addr.load())
    }

    /// True while the supervisor runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.addr.load().connected()
    }
}

fn supervise(
    settings: &SupervisorSettings,
    arbiters: &[ArbiterHandle],
    events: &mpsc::UnboundedSender<SupervisorEvent>,
) -> Result<Addr<Supervisor>> {
    Supervisor::start(settings.clone(), arbiters.to_vec(), events.clone())
        .ok_or_else(|| Error::Internal("there is no thread to run on".into()))
}
