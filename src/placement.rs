//! Chooses, starts and ends the process that serves a caller: the one that all share, or one for a user or a session
//! alone.
//!
//! Knows nothing of tools and JSON: it starts, finds and ends processes, by way of the supervisor.
//!
//! An isolated process is a child of the supervisor like any other, with an id and a link of its own, so restarts,
//! stops and sweeps need not know about isolation. A lease may be without a process: a client that only listens starts
//! none. Each change of a process is made under its `place`, so that a start and an end never cross.
//!
//! Declared capabilities are part of a session's key, as a legacy server gets them once, at `initialize`. Modern
//! clients may declare others with each request: their processes get all, and each server request is checked
//! against what the client's request declared.

mod containers;
mod isolated_process;
mod isolated_processes;
mod launcher;
mod process_key;
mod program;
mod sandboxes;
mod supervisor_handle;
mod trials;

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::{
    authorizations::Authorizations,
    error::{Error, Result},
    mcp::McpClient,
    model::{EffectiveSandbox, Principal, Server, ServerId, Status, TimelineLevel, UserId},
    named_secrets::NamedSecrets,
    packages::InstallerSpec,
    policy::mask::Mask,
    registry::{Registered, Registry},
    supervisor::{
        self, INSTALLATION_VARIABLE, Launch, Sharing,
        messages::{AddServer, RemoveServer, StopAll, StopServer, UpdateServer, WakeServer, Wanted},
        removal, temporary,
    },
    tasks::{blocking, every, lifecycle::Lifecycle},
};

use isolated_process::ChildState;
use isolated_processes::IsolatedProcesses;
use process_key::{ProcessKey, shared};

pub(crate) use containers::Containers;
pub(crate) use isolated_process::{IsolatedProcess, Lease};
pub(crate) use launcher::Launcher;
pub(crate) use supervisor_handle::SupervisorHandle;
pub(crate) use trials::{Trial, TrialCall};

/// Pause between looks for idle processes.
const IDLE_CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// Time until a lost supervisor is replaced: where the next one is lost as well, that is no busy loop.
const SUPERVISOR_RESTART_DELAY: Duration = Duration::from_secs(1);

/// Processes of servers, shared and isolated.
pub(crate) struct Placement {
    registry: Arc<Registry>,
    authorizations: Arc<Authorizations>,
    secrets: Arc<NamedSecrets>,
    lifecycle: Arc<Lifecycle>,
    supervisor: SupervisorHandle,
    launcher: Arc<Launcher>,
    sandboxes: Mutex<HashMap<ServerId, EffectiveSandbox>>,
    /// Processes that are tried out, and their servers.
    trials: Mutex<HashMap<ServerId, ServerId>>,
    /// [`Launch::renewals`] of servers.
    renewals: Mutex<HashMap<ServerId, u64>>,
    processes: IsolatedProcesses,
    /// The runtime of what outlives its caller: a worker of a web server, or the drop of a session on any thread.
    home: Handle,
}

impl Placement {
    /// Processes that `launcher` describes and `supervisor` runs; what outlives its caller runs on `home`.
    pub(crate) fn new(
        registry: Arc<Registry>,
        authorizations: Arc<Authorizations>,
        secrets: Arc<NamedSecrets>,
        lifecycle: Arc<Lifecycle>,
        supervisor: SupervisorHandle,
        launcher: Launcher,
        home: Handle,
    ) -> Self {
        let processes = IsolatedProcesses::default();
        let (launcher, (sandboxes, trials, renewals)) = (Arc::new(launcher), Default::default());
        Self {
            registry,
            authorizations,
            secrets,
            lifecycle,
            supervisor,
            launcher,
            sandboxes,
            trials,
            renewals,
            processes,
            home,
        }
    }

    /// Ends idle processes, until `self` is dropped.
    pub(crate) fn run(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        every(IDLE_CHECK_INTERVAL, Arc::downgrade(self), |placement: Arc<Self>| async move {
            placement.end_idle().await;
        })
    }

    /// The supervisor of all processes.
    pub(crate) fn supervisor(&self) -> &SupervisorHandle {
        &self.supervisor
    }

    /// Leases the process of a server that is for the caller alone, started where it is not running; `None` where all
    /// callers share one.
    pub(crate) async fn lease(
        &self,
        who: &Principal,
        server: &Arc<Registered>,
        client: Option<&McpClient>,
    ) -> Result<Option<Lease>> {
        let Some(key) = ProcessKey::of(who, server, client) else {
            self.wake(server).await;
            return Ok(None);
        };
        let lease = self.at_home(|| self.processes.lease(key, server))?;
        self.start(lease.process()).await?;
        Ok(Some(lease))
    }

    /// Has a server tried at once that is left down because it was not there: a request needs it.
    pub(crate) async fn wake(&self, server: &Registered) {
        if server.link.view.borrow().status == Status::Failed {
            // Where nothing comes of it, the request says why the server is down.
            let _ = self.supervisor.ask(WakeServer { id: server.id }).await;
        }
    }

    /// The process of a server that is for the caller alone, running or not; `None` where all callers share one.
    pub(crate) fn process(
        &self,
        who: &Principal,
        server: &Arc<Registered>,
        client: &McpClient,
    ) -> Result<Option<Arc<IsolatedProcess>>> {
        let Some(key) = ProcessKey::of(who, server, Some(client)) else { return Ok(None) };
        self.at_home(|| self.processes.get(key, server)).map(Some)
    }

    /// Does work whose tasks outlive its caller.
    fn at_home<T>(&self, work: impl FnOnce() -> T) -> T {
        let _inside = self.home.enter();
        work()
    }

    /// The server that a process which not all share is one of; `None` where the id is of no such process.
    pub(crate) fn server_of(&self, id: ServerId) -> Option<ServerId> {
        self.trials.lock().get(&id).copied().or_else(|| self.processes.server_of(id))
    }

    /// The reason why no server at `url` can ever be reached; `None` where one may be.
    pub(crate) fn refused_url(&self, url: &str) -> Option<&'static str> {
        self.launcher.refused_url(url)
    }

    /// Maker of what is run to install packages.
    pub(crate) fn installers(&self) -> Arc<dyn InstallerSpec> {
        self.launcher.clone()
    }

    /// Adds a server's shared process to the supervisor.
    pub(crate) async fn add(&self, registered: &Registered, wanted: Wanted) -> Result<()> {
        let server = registered.server.load();
        let launch = self.launch(&server, None, shared(&server.config)).await?;
        let mask = Mask::clone(&registered.mask.load());
        self.supervisor.ask(AddServer { id: server.id, launch, mask, wanted, link: registered.link.clone() }).await
    }

    /// Has a server's shared process run by another configuration, and be up or down where `wanted` says so.
    pub(crate) async fn update(&self, server: &Server, mask: Mask, wanted: Option<Wanted>) -> Result<()> {
        let launch = self.launch(server, None, shared(&server.config)).await?;
        self.supervisor.ask(UpdateServer { id: server.id, launch, mask, wanted }).await
    }

    /// The launch of a server's process: of the one that all share, or of `user`'s.
    async fn launch(&self, server: &Server, user: Option<UserId>, sharing: Sharing) -> Result<Arc<Launch>> {
        let resolved = self.secrets.resolve(server, user);
        let (id, launcher, authorizations) = (server.id, self.launcher.clone(), self.authorizations.clone());
        let server = server.clone();
        let built = move || Ok(launcher.launch(&authorizations, &server, user, resolved, sharing));
        let (launch, sandbox) = blocking(built).await?;
        self.note_sandbox(id, sandbox);
        let renewals = self.renewals.lock().get(&id).copied().unwrap_or_default();
        Ok(if renewals == 0 { launch } else { Arc::new(Launch { renewals, ..Launch::clone(&launch) }) })
    }

    /// Ends every process of a server, which is not registered any more, and removes its folders.
    pub(crate) fn remove(self: &Arc<Self>, id: ServerId) {
        self.sandboxes.lock().remove(&id);
        self.renewals.lock().remove(&id);
        let isolated = self.processes.take(|process| process.server.id == id);
        let (placement, folder) = (self.clone(), self.launcher.folder(id));
        self.home.spawn(async move {
            future::join_all(isolated.iter().map(|process| placement.end_process(process))).await;
            // A supervisor that is lost takes its servers with it.
            let _ = placement.supervisor.ask(RemoveServer { id }).await;
            let removed = blocking(move || {
                temporary::remove_left(&folder);
                removal::remove(&folder).map_err(|error| Error::Internal(error.to_string()))
            });
            if let Err(reason) = removed.await {
                log::warn!(server:% = id, reason:%; "the folder of a removed server could not be removed");
            }
        });
    }

    /// Ends all processes that the lost supervisor's servers left, and starts a new one with the same children.
    pub(crate) async fn replace_supervisor(&self) -> Result<()> {
        log::error!("the supervisor was lost; every server is restarted");
        let mark = self.launcher.mark.clone();
        // Its guards do the same within half a second; nothing new may start beside what they have not ended yet.
        blocking(move || Ok(supervisor::sweep(INSTALLATION_VARIABLE, &mark))).await?;
        tokio::time::sleep(SUPERVISOR_RESTART_DELAY).await;
        self.supervisor.replace()?;
        if self.lifecycle.is_standing_by() {
            self.supervisor.ask(StopAll).await?;
        }
        self.forget_children().await;
        for registered in self.registry.all().values() {
            registered.link.add_note(TimelineLevel::Error, "its supervisor was lost; it is restarted");
            let wanted = if is_stopped(registered) { Wanted::Down } else { Wanted::Up };
            self.add(registered, wanted).await?;
        }
        Ok(())
    }

    /// Ends the processes for one session.
    pub(crate) fn end_session(self: &Arc<Self>, session: Uuid) {
        self.end(self.processes.take(|process| process.is_of_session(session)));
    }

    /// Ends every isolated process of a server; the next request starts another.
    pub(crate) fn end_isolated_of_server(self: &Arc<Self>, server: ServerId) {
        self.end(self.processes.take(|process| process.server.id == server));
    }

    /// Ends every isolated process.
    pub(crate) fn end_isolated(self: &Arc<Self>) {
        self.end(self.processes.take(|_| true));
    }

    /// Ends every process for a user: all of them, or those of one server.
    pub(crate) fn end_isolated_of_user(self: &Arc<Self>, user: UserId, server: Option<ServerId>) {
        let is_meant = |process: &IsolatedProcess| {
            process.is_of_user(user) && server.is_none_or(|server| process.server.id == server)
        };
        self.end(self.processes.take(is_meant));
    }

    /// Stops every isolated process of a server, and waits until none runs.
    pub(crate) async fn stop_isolated_of_server(&self, server: ServerId) -> Result<()> {
        let processes = self.processes.find(|process| process.server.id == server);
        future::try_join_all(processes.iter().map(|process| self.stop(process))).await.map(drop)
    }

    /// Has every isolated process of a server that runs be replaced by one of the server's present configuration.
    pub(crate) async fn update_isolated_of_server(&self, server: ServerId) -> Result<()> {
        for process in self.processes.find(|process| process.server.id == server) {
            let registration = process.registration.lock().await;
            if *registration == ChildState::Added && process.started.load(Ordering::Relaxed) {
                self.hand_over(&process, *registration).await?;
            }
        }
        Ok(())
    }

    /// Starts an isolated process, unless its server is stopped, which holds for every caller.
    async fn start(&self, process: &Arc<IsolatedProcess>) -> Result<()> {
        if process.is_up() {
            return Ok(());
        }
        let mut registration = process.registration.lock().await;
        if process.is_up() || is_stopped(&process.server) {
            return Ok(());
        }
        if *registration == ChildState::Removed {
            return Err(Error::ServerUnavailable("its process for this session was ended".into()));
        }
        if !process.started.load(Ordering::Relaxed) {
            self.processes.admit(process)?;
        }
        let started = self.hand_over(process, *registration).await;
        process.started.store(started.is_ok(), Ordering::Relaxed);
        if started.is_ok() {
            *registration = ChildState::Added;
        }
        started
    }

    async fn hand_over(&self, process: &IsolatedProcess, registration: ChildState) -> Result<()> {
        let (id, server) = (process.id, process.server.server.load_full());
        let launch = self.launch(&server, Some(process.user()), process.sharing()).await?;
        let mask = Mask::clone(&process.server.mask.load());
        if registration == ChildState::Added {
            let update = UpdateServer { id, launch, mask, wanted: Some(Wanted::Up) };
            return self.supervisor.ask(update).await;
        }
        let link = process.link.clone();
        self.supervisor.ask(AddServer { id, launch, mask, wanted: Wanted::Up, link }).await
    }

    /// Ends processes that were taken out: no key leads to them any more.
    fn end(self: &Arc<Self>, processes: Vec<Arc<IsolatedProcess>>) {
        for process in processes {
            let placement = self.clone();
            self.home.spawn(async move { placement.end_process(&process).await });
        }
    }

    async fn end_process(&self, process: &IsolatedProcess) {
        let mut registration = process.registration.lock().await;
        process.started.store(false, Ordering::Relaxed);
        if std::mem::replace(&mut *registration, ChildState::Removed) == ChildState::Added {
            // A supervisor that is lost takes its servers with it.
            let _ = self.supervisor.ask(RemoveServer { id: process.id }).await;
        }
    }

    async fn stop(&self, process: &IsolatedProcess) -> Result<()> {
        let registration = process.registration.lock().await;
        if process.started.swap(false, Ordering::Relaxed) && *registration == ChildState::Added {
            self.supervisor.ask(StopServer { id: process.id }).await?;
        }
        Ok(())
    }

    /// Notes that the supervisor, and with it every process, is gone.
    async fn forget_children(&self) {
        for process in self.processes.find(|_| true) {
            let mut registration = process.registration.lock().await;
            if *registration == ChildState::Added {
                *registration = ChildState::Missing;
            }
            process.started.store(false, Ordering::Relaxed);
        }
    }

    async fn end_idle(self: &Arc<Self>) {
        self.end(self.processes.take(IsolatedProcess::is_unreferenced));
        for process in self.processes.find(IsolatedProcess::is_idle) {
            let registration = process.registration.lock().await;
            if process.retire() && *registration == ChildState::Added {
                // A supervisor that is lost takes its servers with it.
                let _ = self.supervisor.ask(StopServer { id: process.id }).await;
            }
        }
    }
}

fn is_stopped(server: &Registered) -> bool {
    match server.link.view.borrow().status {
        Status::Stopped | Status::Stopping => true,
        Status::Starting | Status::Running | Status::Restarting | Status::Failed | Status::Unauthorized => false,
    }
}

#[cfg(test)]
mod tests;
