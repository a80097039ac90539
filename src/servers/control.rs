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
        let placement = self.placement.clone();
        let start = async move { placement.supervisor().ask(StartServer { id }).await };
        let (registered, outcome) = self.command(who, id, ProcessAction::Start, start).await?;
        up(&registered, who, outcome)
    }

    /// Stops a server; returns once its process tree is gone.
    pub async fn stop(&self, who: &Principal, id: ServerId) -> Result<RuntimeStatus> {
        let placement = self.placement.clone();
        let stop = async move {
            placement.supervisor().ask(StopServer { id }).await?;
            placement.stop_isolated_of_server(id).await
        };
        let (registered, ()) = self.command(who, id, ProcessAction::Stop, stop).await?;
        Ok(registered.status_for(who))
    }

    /// Stops and starts a server; returns once it is ready again.
    pub async fn restart(&self, who: &Principal, id: ServerId) -> Result<RuntimeStatus> {
        let placement = self.placement.clone();
        let restart = async move {
            placement.stop_isolated_of_server(id).await?;
            placement.supervisor().ask(RestartServer { id }).await
        };
        let (registered, outcome) = self.command(who, id, ProcessAction::Restart, restart).await?;
        up(&registered, who, outcome)
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

    /// Records a command of `who`, if they may give it, then carries it out to its end even if its caller is dropped.
    async fn command<T: Send + 'static>(
        &self,
        who: &Principal,
        id: ServerId,
        action: ProcessAction,
        carry_out: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<(Arc<Registered>, T)> {
        let registered = self.registry.reach(who, id, permission::WRITES, action.as_str())?;
        let work = self.lifecycle.begin_work()?;
        let entry = self.access.change(who, action.as_str(), id)?;
        let (recorder, commanded) = (self.recorder.clone(), registered.clone());
        let begun = self.recorder.run_to_completion(async move {
            let _work = work;
            recorder.audit(entry).await?;
            commanded.link.add_note(TimelineLevel::Info, &format!("asked to {}", action.verb()));
            // Apart, as a server may take longer to start than a caller waits for a commit.
            Ok(tokio::spawn(carry_out))
        });
        let outcome = begun.await?.await.map_err(|_| Error::Internal("a command panicked".into()))?;
        Ok((registered, outcome?))
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
