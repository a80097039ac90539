//! Starts, stops and restarts servers, and waits for what becomes of them.

use std::sync::Arc;

use crate::{
    error::{Error, Noun, Result},
    model::{Principal, ProcessAction, RuntimeStatus, ServerId, TimelineLevel},
    policy::permission,
    registry::Registered,
    servers::service::Servers,
    supervisor::{
        ChildView,
        messages::{NotUp, RestartServer, StartServer, StopServer},
    },
};

impl Servers {
    /// Starts a server; returns once it is ready.
    pub async fn start(&self, who: &Principal, id: ServerId) -> Result<RuntimeStatus> {
        let registered = self.command(who, id, ProcessAction::Start).await?;
        up(&registered, who, self.placement.supervisor().ask(StartServer { id }).await?)
    }

    /// Stops a server; returns once its process tree is gone.
    pub async fn stop(&self, who: &Principal, id: ServerId) -> Result<RuntimeStatus> {
        let registered = self.command(who, id, ProcessAction::Stop).await?;
        self.placement.supervisor().ask(StopServer { id }).await?;
        self.placement.stop_isolated_of_server(id).await?;
        Ok(registered.status_for(who))
    }

    /// Stops and starts a server; returns once it is ready again.
    pub async fn restart(&self, who: &Principal, id: ServerId) -> Result<RuntimeStatus> {
        let registered = self.command(who, id, ProcessAction::Restart).await?;
        self.placement.stop_isolated_of_server(id).await?;
        up(&registered, who, self.placement.supervisor().ask(RestartServer { id }).await?)
    }

    /// Waits until `reached` holds for what the server's process is doing, for ever if need be.
    ///
    /// It is looked at now and after each change of state; what is only counted (`in_flight`, say) is no change.
    pub async fn wait_until(
        &self,
        who: &Principal,
        id: ServerId,
        mut reached: impl FnMut(&RuntimeStatus) -> bool,
    ) -> Result<RuntimeStatus> {
        let mut view = self.registry.reach(who, id, permission::READS, "server.read")?.link.view.clone();
        let seen = view.wait_for(|view| reached(&view.runtime_status())).await;
        seen.map(|view| view.runtime_status()).map_err(|_| Error::NotFound(Noun::Server))
    }

    /// The server, if `who` may command its process; the command is on record before it is carried out.
    async fn command(&self, who: &Principal, id: ServerId, action: ProcessAction) -> Result<Arc<Registered>> {
        let registered = self.registry.reach(who, id, permission::WRITES, action.as_str())?;
        let _work = self.lifecycle.begin_work()?;
        self.recorder.commit_entry(self.access.change(who, action.as_str(), id)?).await?;
        let text = format!("asked to {}", action.verb());
        registered.link.note(TimelineLevel::Info, &text);
        Ok(registered)
    }
}

fn up(registered: &Registered, who: &Principal, outcome: Result<ChildView, NotUp>) -> Result<RuntimeStatus> {
    match outcome {
        Ok(view) => Ok(registered.status_in(&view, who)),
        Err(NotUp::Failed(report)) => {
            let stderr = if registered.allows(who, permission::READS) { report.stderr } else { Vec::new() };
            Err(Error::SpawnFailed { reason: report.reason, stderr })
        }
        Err(NotUp::Stopped) => Err(Error::ServerUnavailable("it was stopped before it was ready".into())),
    }
}
