//! The way to the supervisor, and what happens when it is lost: everything below it is ended and started anew.

use std::sync::Arc;

use actix::{Addr, ArbiterHandle, Handler, Message, dev::ToEnvelope};
use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use crate::{
    error::{Error, Result},
    model::{Status, TimelineLevel},
    policy::mask::Mask,
    registry::Registered,
    runtime::{Runtime, leases},
    supervisor::{
        self, Event, INSTALLATION_VARIABLE, Supervisor, SupervisorSettings,
        messages::{AddServer, StopAll, Wanted},
    },
    tasks::blocking,
};

/// The address of the supervisor, and what it takes to start another.
pub(super) struct Supervision {
    addr: ArcSwap<Addr<Supervisor>>,
    settings: SupervisorSettings,
    arbiters: Vec<ArbiterHandle>,
    events: mpsc::UnboundedSender<Event>,
}

impl Supervision {
    /// Starts a supervisor on the first of `arbiters`.
    pub fn start(
        settings: SupervisorSettings,
        arbiters: Vec<ArbiterHandle>,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Self> {
        let addr = supervise(&settings, &arbiters, &events)?;
        Ok(Self { addr: ArcSwap::from_pointee(addr), settings, arbiters, events })
    }

    /// Sends a message and waits for the answer; `NotReady` while the supervisor is being replaced.
    pub async fn ask<M>(&self, message: M) -> Result<M::Result>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        Supervisor: Handler<M>,
        actix::Context<Supervisor>: ToEnvelope<Supervisor, M>,
    {
        let lost = |_| Error::NotReady("the supervisor was lost and is being replaced; try again in a second");
        self.addr.load().send(message).await.map_err(lost)
    }

    /// The supervisor of this moment.
    pub fn address(&self) -> Addr<Supervisor> {
        Addr::clone(&self.addr.load())
    }

    pub fn is_alive(&self) -> bool {
        self.addr.load().connected()
    }
}

fn supervise(
    settings: &SupervisorSettings,
    arbiters: &[ArbiterHandle],
    events: &mpsc::UnboundedSender<Event>,
) -> Result<Addr<Supervisor>> {
    Supervisor::start(settings.clone(), arbiters.to_vec(), events.clone())
        .ok_or_else(|| Error::Internal("there is no thread to run on".into()))
}

impl Runtime {
    /// Hands a server to the supervisor.
    pub(super) async fn hand_over(&self, registered: &Registered, wanted: Wanted) -> Result<()> {
        let server = registered.server.load();
        let (id, launch) = (server.id, self.launch(server.id, &server.config, leases::common(&server.config)));
        let mask = Mask::clone(&registered.mask.load());
        self.inner.supervision.ask(AddServer { id, launch, mask, wanted, link: registered.link.clone() }).await
    }

    /// Ends whatever the lost supervisor's servers left, and starts a new one with the same children.
    pub(super) async fn replace_supervisor(&self) -> Result<()> {
        log::error!("the supervisor was lost; every server is started anew");
        let mark = self.inner.place.mark.clone();
        // Its guards do the same within half a second; nothing new may start beside what they have not ended yet.
        blocking(move || Ok(supervisor::sweep(INSTALLATION_VARIABLE, &mark))).await?;
        let supervision = &self.inner.supervision;
        let addr = supervise(&supervision.settings, &supervision.arbiters, &supervision.events)?;
        supervision.addr.store(Arc::new(addr));
        if self.inner.lifecycle.is_standing_by() {
            supervision.ask(StopAll).await?;
        }
        self.lose_leases().await;
        for registered in self.inner.registry.all().values() {
            registered.link.note(TimelineLevel::Error, "its supervisor was lost; it is started anew");
            let status = registered.link.view.borrow().status;
            let wanted = match status {
                Status::Stopped | Status::Stopping => Wanted::Down,
                Status::Starting | Status::Running | Status::Restarting | Status::Failed | Status::Unauthorized => {
                    Wanted::Up
                }
            };
            self.hand_over(registered, wanted).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        model::ServerConfig,
        runtime::CallRequest,
        supervisor::tests::{Panic, program},
    };

    use super::*;

    fn demo() -> ServerConfig {
        ServerConfig::new("demo", program().display().to_string()).args(["demo-server"])
    }

    #[actix::test]
    async fn calls_work_again_after_a_panic_in_the_supervisor() {
        let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
        let runtime = Runtime::builder().data_dir(&folder).guard(program()).start().await.unwrap();
        let who = runtime.embedder().clone();
        let id = runtime.create_server(&who, demo()).await.unwrap().server.id;
        runtime.call(&who, id, CallRequest::new("pid", serde_json::Value::Null)).await.unwrap();

        assert!(runtime.inner.supervision.ask(Panic).await.is_err());
        // A call that still reached the old process fails as one in flight.
        let works_again = async {
            while runtime.call(&who, id, CallRequest::new("pid", serde_json::Value::Null)).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), works_again).await.expect("no call works any more");

        runtime.stop().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
