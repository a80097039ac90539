//! Readiness of a runtime, and its lower services.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    access::{Access, AuditLog},
    accounts::Accounts,
    authorizations::Authorizations,
    calls::Calls,
    error::Result,
    events::Events,
    history::History,
    listings::Listings,
    model::Serve,
    named_secrets::NamedSecrets,
    revocation::Revocation,
    runtime::Runtime,
    secrets::Keyring,
    servers::Servers,
    supervisor::messages::CheckSupervisor,
    telemetry::Telemetry,
};

/// Readiness to take new work; each failed check says why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Readiness {
    /// All checks hold.
    pub ready: bool,
    /// Each check by name, with a reason that names no secret where it does not hold.
    pub checks: Vec<(&'static str, Result<(), String>)>,
}

impl Runtime {
    /// True when `other` is a handle of this runtime, too.
    #[must_use]
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Permissions, denials on record, rate limits of callers.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.inner.access
    }

    /// Users, keys, sessions, passwords, tokens of an issuer.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.inner.accounts
    }

    /// Ends what is open once the right to it has ended.
    #[must_use]
    pub fn revocation(&self) -> &Arc<Revocation> {
        &self.inner.revocation
    }

    /// Authorizations of remote servers, with Ostler as the OAuth client.
    #[cfg(feature = "remote")]
    #[must_use]
    pub fn authorizations(&self) -> &Arc<Authorizations> {
        &self.inner.authorizations
    }

    /// Listings of servers, as far as callers may see them, and tools that wait to be accepted.
    #[must_use]
    pub fn listings(&self) -> &Arc<Listings> {
        &self.inner.listings
    }

    /// Live events, and subscriptions to them.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.inner.events
    }

    /// The audit log.
    #[must_use]
    pub fn audit_log(&self) -> &AuditLog {
        &self.inner.audit_log
    }

    /// Services behind the gateway: registered, changed, removed, and their figures.
    #[cfg(feature = "gateway")]
    #[must_use]
    pub fn services(&self) -> &Arc<crate::gateway::Registrations> {
        self.inner.services.registrations()
    }

    /// The services of this moment, for forwarding: it has no permissions.
    #[cfg(feature = "gateway")]
    #[must_use]
    pub(crate) fn gateway(&self) -> &crate::gateway::Gateway {
        self.services().gateway()
    }

    /// Registered servers: listed, changed, shared, started and stopped.
    #[must_use]
    pub fn servers(&self) -> &Arc<Servers> {
        &self.inner.servers
    }

    /// Secrets of users, which servers refer to by name.
    #[must_use]
    pub fn secrets(&self) -> &Arc<NamedSecrets> {
        &self.inner.secrets
    }

    /// Tool calls, and every other request to a server.
    #[must_use]
    pub fn calls(&self) -> &Arc<Calls> {
        &self.inner.calls
    }

    /// Keys of this installation.
    pub(crate) fn keyring(&self) -> &Keyring {
        &self.inner.keyring
    }

    /// Ends the processes for one session of a client.
    pub fn end_session(&self, session: Uuid) {
        self.inner.placement.end_session(session);
    }

    /// Recorded calls, statistics, changes of health.
    #[must_use]
    pub fn history(&self) -> &Arc<History> {
        &self.inner.history
    }

    /// Spans and metrics.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.inner.telemetry
    }

    /// The halves of Ostler that run here.
    #[must_use]
    pub fn serves(&self) -> Serve {
        self.inner.settings.serve
    }

    /// Checks readiness for new work: the database takes writes, the supervisor lives, nothing is ending.
    pub async fn readiness(&self) -> Readiness {
        let draining = self.inner.lifecycle.is_draining();
        let database = if draining { Ok(()) } else { self.inner.recorder.ready().await };
        let checks = vec![
            ("accepting", if draining { Err("ostler is stopping".into()) } else { Ok(()) }),
            ("database", database.map_err(|error| error.to_string())),
            ("supervisor", self.supervisor_check()),
        ];
        Readiness { ready: checks.iter().all(|(_, check)| check.is_ok()), checks }
    }

    /// Checks that the recorder and the supervisor go on, for watchdogs: `Err` names what did not answer within
    /// `limit`. Databases and servers may be down all the same: a restart of Ostler mends neither.
    pub async fn liveness(&self, limit: Duration) -> Result<(), &'static str> {
        let recorder = self.inner.recorder.shows_life();
        let supervisor = async { self.inner.placement.supervisor().ask(CheckSupervisor).await.is_ok() };
        let (recorder, supervisor) = tokio::join!(timeout(limit, recorder), timeout(limit, supervisor));
        recorder.map_err(|_| "the recorder")?;
        if supervisor == Ok(true) { Ok(()) } else { Err("the supervisor") }
    }

    /// The page of metrics, in the text format of OpenMetrics.
    #[cfg(feature = "metrics")]
    pub async fn metrics(&self) -> String {
        let checks = self.readiness().await.checks;
        let page = super::metrics_page::MetricsPage::new(&self.inner.telemetry, &self.inner.services);
        page.render(checks, self.inner.audit_log.receivers(), &self.inner.registry)
    }

    fn supervisor_check(&self) -> Result<(), String> {
        if self.inner.lifecycle.is_standing_by() {
            return Err("servers are stopped, as another Ostler has the database or had it a moment ago".into());
        }
        if self.inner.placement.supervisor().is_alive() { Ok(()) } else { Err("it was lost".into()) }
    }

    /// Completes when the runtime begins to stop, or is gone, so that endless answers can end. Holds no runtime.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        self.inner.lifecycle.draining()
    }
}
