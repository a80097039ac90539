//! Supervision of processes: what restarts a server, and what ends it.
//!
//! Read [`Supervisor`] for what is decided, `child` for what is known of each server, `server` for the actor that owns
//! one process, and [`guard`] for the process that outlives us to leave nothing behind.

mod child;
mod child_view;
mod commands;
mod containment;
mod egress;
mod exit;
mod exit_guard;
pub mod facilities;
pub mod guard;
mod handshake;
mod helper;
mod launch;
mod limit_support;
mod link;
mod list_kind;
pub mod messages;
mod not_started;
mod one_shot;
mod orphans;
mod output;
mod proc_table;
mod process;
#[cfg_attr(not(feature = "remote"), path = "supervisor/remote/off.rs")]
pub mod remote;
pub(crate) mod removal;
mod reports;
mod requests;
mod required_result;
mod resource_watches;
mod seclusion;
mod server;
mod server_instance;
mod server_request_queue;
mod servers_user;
mod start_queue;
mod sweep;
pub(crate) mod temporary;
mod usage;
mod writer;

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use actix::{Actor, Addr, ArbiterHandle, AsyncContext, Context};
use tokio::sync::mpsc;

use crate::{mcp::LineBudget, model::ServerId, policy::restart::RestartPolicy};

pub use child_view::{Availability, ChildView, StartKind, StartPermit, SupervisorEvent};
pub use containment::Containment;
#[cfg(any(test, fuzzing))]
pub(crate) use egress::answered;
pub use exit::Exit;
pub(crate) use guard::gaps;
pub(crate) use helper::Helper;
pub use launch::{Egress, Launch, RemoteTarget, Sharing};
pub use link::{Link, ResourceWatch};
pub(crate) use one_shot::run_to_end;
pub use orphans::reap_orphans;
pub use output::Output;
pub(crate) use process::try_guard;
pub use seclusion::Seclusion;
pub(crate) use seclusion::without_links;
pub use server::ServerActor;
pub use server_instance::{InFlight, ServerInstance};
pub use servers_user::ServersUser;
pub use sweep::{INSTALLATION_VARIABLE, SERVER_VARIABLE, sweep};
pub use temporary::Temporary;
pub use usage::{ProcessTrees, UsageSampler};

use child::Child;
use start_queue::StartQueue;

/// Settings of a supervisor.
#[derive(Clone, Debug)]
pub struct SupervisorSettings {
    /// Restart policy for children that crash.
    pub restart: RestartPolicy,
    /// Time between health ticks.
    pub health_check_interval: Duration,
    /// Children that may be starting at once.
    pub max_starting: usize,
    /// Time for requests in flight to finish on a process that is being replaced.
    pub drain: Duration,
}

/// Starts, restarts, gives up and ends servers; one for all of them.
///
/// A child is driven towards what is wanted of it, one step at a time: commands say what is wanted, reports say what
/// became of the last step, and each of them takes the next one. So commands arriving together are put in order, the
/// last one wins, and there is never a second process where there should be one.
pub struct Supervisor {
    settings: SupervisorSettings,
    children: HashMap<ServerId, Child>,
    starts: StartQueue,
    arbiters: Vec<ArbiterHandle>,
    lines: Arc<LineBudget>,
    events: mpsc::UnboundedSender<SupervisorEvent>,
    next_generation: u64,
    stopping: bool,
}

impl Supervisor {
    /// Starts a supervisor on the first of `arbiters`; the servers' actors are spread over all of them.
    /// `events` gets every change worth recording.
    pub fn start(
        settings: SupervisorSettings,
        arbiters: Vec<ArbiterHandle>,
        events: mpsc::UnboundedSender<SupervisorEvent>,
    ) -> Option<Addr<Self>> {
        let first = arbiters.first()?.clone();
        let starts = StartQueue::new(settings.max_starting);
        let supervisor = Self {
            settings,
            children: HashMap::new(),
            starts,
            arbiters,
            lines: Arc::default(),
            events,
            next_generation: 1,
            stopping: false,
        };
        Some(Self::start_in_arbiter(&first, |_| supervisor))
    }

    /// Changes a child and takes the next step with it.
    fn with_child(&mut self, id: ServerId, ctx: &mut Context<Self>, change: impl FnOnce(&mut Child)) {
        if let Some(child) = self.children.get_mut(&id) {
            change(child);
            self.reconcile(id, ctx);
        }
    }

    fn emit(&self, event: SupervisorEvent) {
        // There is no receiver any more once the runtime is ending.
        let _ = self.events.send(event);
    }

    /// The arbiter of the next process.
    fn arbiter_of(&self, generation: u64) -> Option<ArbiterHandle> {
        let index = usize::try_from(generation).unwrap_or_default().checked_rem(self.arbiters.len())?;
        self.arbiters.get(index).cloned()
    }
}

impl Drop for Supervisor {
    /// Ends its processes. Only a panic drops a supervisor that was not stopped.
    fn drop(&mut self) {
        self.children.values_mut().for_each(Child::stop_processes);
        if !self.stopping {
            self.emit(SupervisorEvent::SupervisorLost);
        }
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(self.settings.health_check_interval, Self::tick);
    }
}

/// The path of the running program, which guards processes unless another is named; works after an upgrade replaced it.
#[must_use]
pub fn this_program() -> PathBuf {
    "/proc/self/exe".into()
}

#[cfg(test)]
pub(crate) mod tests;
