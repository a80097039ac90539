//! Other versions of a server's program: tried out by a process that serves no caller, and moved to.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{Placement, is_stopped, process_key::shared};
use crate::{
    error::Result,
    model::ServerId,
    policy::mask::Mask,
    registry::Registered,
    supervisor::{
        Availability, Link,
        messages::{AddServer, NotUp, RemoveServer, StartServer, Wanted},
    },
};

/// Tools of a process that became ready.
type Tools = Arc<Vec<Arc<RawValue>>>;

impl Placement {
    /// Starts a process of a server under an id of its own, beside those that serve; the tools that it lists once it is
    /// ready, or how it ended. It is gone when this returns.
    pub(crate) async fn try_out(&self, process: ServerId, server: &Registered) -> Result<Result<Tools, NotUp>> {
        self.trials.lock().insert(process, server.id);
        let tried = self.start_trial(process, server).await;
        let removed = self.supervisor.ask(RemoveServer { id: process }).await;
        // What it reported is dealt with as that of a trial.
        self.supervisor.flush_events().await;
        self.trials.lock().remove(&process);
        removed.and(tried)
    }

    async fn start_trial(&self, id: ServerId, registered: &Registered) -> Result<Result<Tools, NotUp>> {
        let server = registered.server.load_full();
        let launch = self.launch(&server, None, shared(&server.config)).await?;
        let mask = Mask::clone(&registered.mask.load());
        self.supervisor.ask(AddServer { id, launch, mask, wanted: Wanted::Down, link: Link::default() }).await?;
        Ok(match self.supervisor.ask(StartServer { id }).await? {
            Ok(view) => match view.availability {
                Availability::Ready(instance) => Ok(instance.tools()),
                Availability::Coming | Availability::Down(_) => Err(NotUp::Stopped),
            },
            Err(not_up) => Err(not_up),
        })
    }

    /// True for a process that is tried out.
    pub(crate) fn is_trial(&self, id: ServerId) -> bool {
        self.trials.lock().contains_key(&id)
    }

    /// Has every process of a server that runs be replaced by one of another version, calls in flight drained; returns
    /// once the one that all share is ready, or how it ended. The one before serves until then.
    pub(crate) async fn move_on(&self, server: &Registered) -> Result<Result<(), NotUp>> {
        let count = |count: &mut u64| *count = count.saturating_add(1);
        count(self.renewals.lock().entry(server.id).or_default());
        self.replace_processes(server).await?;
        self.settled(server).await
    }

    /// Returns once the process of a server that all callers share is ready, or how it ended; at once where the server
    /// is stopped.
    pub(crate) async fn settled(&self, server: &Registered) -> Result<Result<(), NotUp>> {
        if is_stopped(server) {
            return Ok(Ok(()));
        }
        Ok(self.supervisor.ask(StartServer { id: server.id }).await?.map(drop))
    }

    /// Undoes [`Placement::move_on`]; the process before goes on where it still runs.
    pub(crate) async fn move_back(&self, server: &Registered) -> Result<()> {
        let count = |count: &mut u64| *count = count.saturating_sub(1);
        count(self.renewals.lock().entry(server.id).or_default());
        self.replace_processes(server).await
    }

    async fn replace_processes(&self, registered: &Registered) -> Result<()> {
        let (server, mask) = (registered.server.load_full(), Mask::clone(&registered.mask.load()));
        self.update(&server, mask, None).await?;
        self.update_isolated_of_server(server.id).await
    }
}
