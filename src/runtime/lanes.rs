//! The beginning and the end of processes that one user or one session has for itself.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use futures_util::future;
use serde_json::value::RawValue;
use tokio::sync::{broadcast, mpsc};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    mcp::Request,
    model::{Principal, ServerId, Status, UserId},
    policy::{mask::Mask, permission},
    registry::Registered,
    runtime::{
        Client, Inner, Runtime, Watch,
        leases::{Key, Lane, Lease, Place},
    },
    supervisor::{
        Availability,
        messages::{AddServer, Asked, News, RemoveServer, StopServer, UpdateServer, Wanted},
    },
};

/// How often idle ones are looked for.
const LOOK: Duration = Duration::from_secs(60);

impl Runtime {
    /// The process of a server that is the caller's alone, begun where it is not; `None` where all callers share one.
    pub(super) async fn lane(
        &self,
        who: &Principal,
        server: &Arc<Registered>,
        client: Option<&Client>,
    ) -> Result<Option<Lane>> {
        let Some(key) = Key::of(who, server, client) else { return Ok(None) };
        let lane = self.inner.leases.hold(key, server)?;
        self.begin(lane.lease()).await?;
        Ok(Some(lane))
    }

    /// What happens at a server from now on, across restarts of its processes.
    pub fn news(&self, who: &Principal, id: ServerId, client: &Client) -> Result<broadcast::Receiver<News>> {
        let server = self.inner.registry.reach(who, id, permission::USES, "server.news")?;
        let lease = Key::of(who, &server, Some(client)).map(|key| self.inner.leases.get(key, &server)).transpose()?;
        Ok(lease.map_or_else(|| server.link.news.subscribe(), |lease| lease.link.news.subscribe()))
    }

    /// What the server asks of `client` outside of any request, for as long as the receiver is held; `None` where its
    /// process is shared, or somebody else holds it.
    pub fn questions(&self, who: &Principal, id: ServerId, client: &Client) -> Result<Option<mpsc::Receiver<Asked>>> {
        let server = self.inner.registry.reach(who, id, permission::USES, "server.questions")?;
        let lease = Key::of(who, &server, Some(client)).map(|key| self.inner.leases.get(key, &server)).transpose()?;
        Ok(lease.and_then(|lease| lease.link.questions()))
    }

    /// Has updates of a resource among a server's news for as long as the watch is held. `Ok(Err)` is the server's refusal.
    pub async fn watch_resource(
        &self,
        who: &Principal,
        id: ServerId,
        client: &Client,
        uri: &str,
    ) -> Result<Result<Watch, Arc<RawValue>>> {
        let server = self.inner.registry.reach(who, id, permission::EXECUTES, "resource.watch")?;
        let _work = self.inner.lifecycle.begin_work()?;
        let lane = self.lane(who, &server, Some(client)).await?;
        let link = lane.as_ref().map_or(&server.link, |lane| lane.link());
        let timeout = self.inner.settings.call_timeout;
        let agreed = tokio::time::timeout(timeout, link.watch_resource(uri)).await;
        let agreed = agreed.map_err(|_| Error::CallTimeout(timeout))?;
        Ok(agreed.map(|watch| Watch { _watch: watch, _lane: lane }))
    }

    /// Sends a notification of a client to the process that is its own alone; nothing where it has none.
    pub fn tell(&self, who: &Principal, id: ServerId, client: &Client, notification: &Request) -> Result<()> {
        let server = self.inner.registry.reach(who, id, permission::USES, "server.tell")?;
        let Some(key) = Key::of(who, &server, Some(client)) else { return Ok(()) };
        if let Availability::Ready(instance) = &self.inner.leases.get(key, &server)?.link.view.borrow().availability {
            instance.pass_on(notification);
        }
        Ok(())
    }

    /// Ends the processes that were this session's alone.
    pub fn end_session(&self, session: Uuid) {
        self.end_leases(self.inner.leases.take(|lease| lease.is_of_session(session)));
    }

    /// Has the process of a lease run, unless its server is stopped, which is so for everybody.
    async fn begin(&self, lease: &Arc<Lease>) -> Result<()> {
        if lease.is_up() {
            return Ok(());
        }
        let mut place = lease.place.lock().await;
        if lease.is_up() || is_stopped(&lease.server) {
            return Ok(());
        }
        if *place == Place::Ended {
            return Err(Error::ServerUnavailable("its process for this session was ended".into()));
        }
        if !lease.started.load(Ordering::Relaxed) {
            self.inner.leases.admit(lease)?;
        }
        let begun = self.hand_over_lease(lease, *place).await;
        lease.started.store(begun.is_ok(), Ordering::Relaxed);
        if begun.is_ok() {
            *place = Place::Known;
        }
        begun
    }

    async fn hand_over_lease(&self, lease: &Lease, place: Place) -> Result<()> {
        let (id, server) = (lease.id, lease.server.server.load_full());
        let launch = self.launch(server.id, &server.config, lease.sharing());
        let mask = Mask::clone(&lease.server.mask.load());
        if place == Place::Known {
            let update = UpdateServer { id, launch, mask, wanted: Some(Wanted::Up) };
            return self.inner.supervision.ask(update).await;
        }
        let link = lease.link.clone();
        self.inner.supervision.ask(AddServer { id, launch, mask, wanted: Wanted::Up, link }).await
    }

    /// Ends leases that were taken out: nobody can reach them any more.
    fn end_leases(&self, leases: Vec<Arc<Lease>>) {
        for lease in leases {
            let runtime = self.clone();
            tokio::spawn(async move {
                let mut place = lease.place.lock().await;
                lease.started.store(false, Ordering::Relaxed);
                if std::mem::replace(&mut *place, Place::Ended) == Place::Known {
                    // A supervisor that is lost takes its servers with it.
                    let _ = runtime.inner.supervision.ask(RemoveServer { id: lease.id }).await;
                }
            });
        }
    }

    /// Ends every process of a server that is somebody's alone; the next request begins another.
    pub(super) fn end_leases_of(&self, server: ServerId) {
        self.end_leases(self.inner.leases.take(|lease| lease.server.id == server));
    }

    /// Ends every process that is somebody's alone.
    pub(super) fn end_all_leases(&self) {
        self.end_leases(self.inner.leases.take(|_| true));
    }

    /// Ends every process that is a user's alone: all of them, or those of one server.
    pub(super) fn end_leases_of_user(&self, user: UserId, server: Option<ServerId>) {
        let is_its = |lease: &Lease| lease.is_of_user(user) && server.is_none_or(|server| lease.server.id == server);
        self.end_leases(self.inner.leases.take(is_its));
    }

    /// Waits until no process of a server runs that is somebody's alone.
    pub(super) async fn stop_leases_of(&self, server: ServerId) -> Result<()> {
        let leases = self.inner.leases.find(|lease| lease.server.id == server);
        future::try_join_all(leases.iter().map(|lease| self.rest(lease))).await.map(drop)
    }

    /// Has every process of a server that is somebody's alone run as the server now should.
    pub(super) async fn renew_leases_of(&self, server: ServerId) -> Result<()> {
        for lease in self.inner.leases.find(|lease| lease.server.id == server) {
            let place = lease.place.lock().await;
            if *place == Place::Known && lease.started.load(Ordering::Relaxed) {
                self.hand_over_lease(&lease, *place).await?;
            }
        }
        Ok(())
    }

    /// Ends the process of a lease, and waits until it is gone.
    async fn rest(&self, lease: &Lease) -> Result<()> {
        let place = lease.place.lock().await;
        if lease.started.swap(false, Ordering::Relaxed) && *place == Place::Known {
            self.inner.supervision.ask(StopServer { id: lease.id }).await?;
        }
        Ok(())
    }

    /// Takes note that the supervisor, and with it every process, is gone.
    pub(super) async fn lose_leases(&self) {
        for lease in self.inner.leases.find(|_| true) {
            let mut place = lease.place.lock().await;
            if *place == Place::Known {
                *place = Place::Unknown;
            }
            lease.started.store(false, Ordering::Relaxed);
        }
    }

    async fn end_idle_leases(&self) {
        self.end_leases(self.inner.leases.take(Lease::is_forgotten));
        for lease in self.inner.leases.find(Lease::is_idle) {
            let place = lease.place.lock().await;
            if lease.retire() && *place == Place::Known {
                // A supervisor that is lost takes its servers with it.
                let _ = self.inner.supervision.ask(StopServer { id: lease.id }).await;
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

/// Ends idle processes for as long as the runtime lives.
pub(super) async fn end_idle(runtime: Weak<Inner>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(inner) = runtime.upgrade() else { return };
        (Runtime { inner }).end_idle_leases().await;
    }
}
