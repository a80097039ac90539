//! [`Assembly`]: the lower services of a runtime, and the services that are made of them.

use std::{path::PathBuf, sync::Arc};

use crate::{
    access::{Access, AuditLog, HeadReceivers},
    accounts::{Accounts, TokenIssuer},
    authorizations::Authorizations,
    calls::Calls,
    catalogue::Catalogue,
    events::Events,
    history::History,
    listings::Listings,
    named_secrets::NamedSecrets,
    outbound::Reachable,
    packages::Packages,
    placement::{Launcher, Placement, SupervisorHandle},
    recorder::Recorder,
    registry::Registry,
    revocation::Revocation,
    runtime::{Settings, account_events::AccountEvents},
    secrets::Keyring,
    servers::Servers,
    store::Store,
    tasks::{arbiters::Arbiters, lifecycle::Lifecycle},
    telemetry::{Telemetry, Tracer},
    timeline::Timeline,
};

/// The lower services, from which higher ones are assembled.
pub(super) struct Assembly {
    pub store: Store,
    pub recorder: Recorder,
    pub keyring: Arc<Keyring>,
    pub arbiters: Arc<Arbiters>,
    pub lifecycle: Arc<Lifecycle>,
    pub access: Arc<Access>,
    pub registry: Arc<Registry>,
    pub secrets: Arc<NamedSecrets>,
    pub revocation: Arc<Revocation>,
    pub telemetry: Telemetry,
    catalogue: Arc<Catalogue>,
    installation: String,
}

impl Assembly {
    /// The lower services of a runtime whose database is open, whose own files and folders are `own_data`, and which is
    /// `installation`. On the thread of `arbiters`.
    pub(super) fn new(
        settings: &Settings,
        arbiters: Arc<Arbiters>,
        store: Store,
        recorder: Recorder,
        keyring: Keyring,
        own_data: Vec<PathBuf>,
        installation: String,
    ) -> Self {
        let access = Arc::new(Access::new(recorder.clone(), &settings.limits));
        let registry = Arc::new(Registry::new(access.clone()));
        let (lifecycle, keyring) = (Arc::new(Lifecycle::new()), Arc::new(keyring));
        let secrets = NamedSecrets::new(
            access.clone(),
            registry.clone(),
            lifecycle.clone(),
            recorder.clone(),
            keyring.clone(),
            settings.secret_sources.clone(),
            own_data,
        );
        let (catalogues, tokens) = (settings.servers.catalogues.clone(), &settings.servers.catalogue_tokens);
        let catalogue = Catalogue::new(catalogues, tokens, &settings.data_dir, reachable(settings));
        Self {
            catalogue: Arc::new(catalogue),
            revocation: Arc::new(Revocation::new(registry.clone(), store.clone())),
            secrets: Arc::new(secrets),
            keyring,
            arbiters,
            lifecycle,
            telemetry: Telemetry::new(Tracer::start(&settings.telemetry)),
            store,
            recorder,
            access,
            registry,
            installation,
        }
    }

    /// Accounts, also those of tokens of `issuer`.
    pub(super) fn accounts(&self, issuer: Option<TokenIssuer>) -> Accounts {
        let (access, store, recorder) = (self.access.clone(), self.store.clone(), self.recorder.clone());
        let (lifecycle, arbiters) = (self.lifecycle.clone(), self.arbiters.clone());
        Accounts::new(access, store, recorder, self.keyring.clone(), issuer, lifecycle, arbiters)
    }

    /// The audit log, its head noted in the data folder and published outside.
    pub(super) fn audit_log(&self, settings: &Settings) -> Arc<AuditLog> {
        let (store, recorder) = (self.store.clone(), self.recorder.clone());
        let (access, head_file) = (self.access.clone(), settings.audit_head_file.clone());
        let receivers = HeadReceivers::new(&settings.audit_receivers, &self.installation);
        Arc::new(AuditLog::new(access, store, recorder, settings.retention, &settings.data_dir, head_file, receivers))
    }

    /// Live events about the registered servers.
    pub(super) fn events(&self) -> Arc<Events> {
        Arc::new(Events::new(self.registry.clone(), self.revocation.clone(), self.lifecycle.clone()))
    }

    /// The history, old calls removed as the settings say.
    pub(super) fn history(&self, settings: &Settings, listings: &Arc<Listings>) -> Arc<History> {
        Arc::new(History::new(
            self.access.clone(),
            self.registry.clone(),
            listings.clone(),
            self.telemetry.clone(),
            self.store.clone(),
            self.recorder.clone(),
            self.lifecycle.clone(),
            settings.retention,
        ))
    }

    /// Listings of the registered servers.
    pub(super) fn listings(&self, settings: &Settings, events: &Arc<Events>) -> Arc<Listings> {
        Arc::new(Listings::new(
            self.registry.clone(),
            self.access.clone(),
            events.clone(),
            self.recorder.clone(),
            self.keyring.clone(),
            self.telemetry.clone(),
            settings.call_timeout,
        ))
    }

    /// Calls, by the processes of `placement`.
    pub(super) fn calls(
        &self,
        settings: &Settings,
        placement: Arc<Placement>,
        listings: Arc<Listings>,
        events: Arc<Events>,
        history: Arc<History>,
    ) -> Arc<Calls> {
        Arc::new(Calls::new(
            self.registry.clone(),
            self.access.clone(),
            self.revocation.clone(),
            self.lifecycle.clone(),
            placement,
            listings,
            events,
            history,
            self.recorder.clone(),
            self.telemetry.clone(),
            settings.call_timeout,
            settings.retention.payload_bytes,
        ))
    }

    /// Servers, whose processes `placement` runs.
    pub(super) fn servers(
        &self,
        settings: &Settings,
        authorizations: &Arc<Authorizations>,
        placement: &Arc<Placement>,
        listings: &Arc<Listings>,
        events: &Arc<Events>,
        timeline: &Arc<Timeline>,
    ) -> Arc<Servers> {
        Arc::new(Servers::new(
            self.registry.clone(),
            self.access.clone(),
            self.revocation.clone(),
            self.lifecycle.clone(),
            authorizations.clone(),
            placement.clone(),
            listings.clone(),
            self.secrets.clone(),
            Packages::new(
                &settings.data_dir,
                self.recorder.clone(),
                self.keyring.clone(),
                settings.servers.install_scripts.clone(),
            ),
            self.catalogue.clone(),
            events.clone(),
            self.store.clone(),
            self.recorder.clone(),
            self.keyring.clone(),
            self.telemetry.clone(),
            timeline.clone(),
            settings.servers.clone(),
        ))
    }

    /// The observer of accounts on behalf of what they own and run.
    pub(super) fn account_events(&self, placement: &Arc<Placement>, servers: &Arc<Servers>) -> Arc<AccountEvents> {
        let (placement, servers) = (placement.clone(), servers.clone());
        Arc::new(AccountEvents { placement, servers, secrets: self.secrets.clone() })
    }

    /// Authorizations of remote servers, whose authorization servers may be where the servers may.
    #[cfg(feature = "remote")]
    pub(super) fn authorizations(&self, settings: &Settings) -> Arc<Authorizations> {
        use crate::authorizations::{ClientUrls, OAuthClient};
        let client = OAuthClient::new(
            self.registry.clone(),
            self.recorder.clone(),
            self.keyring.clone(),
            self.secrets.clone(),
            self.arbiters.clone(),
            reachable(settings),
        );
        let oauth = &settings.oauth;
        let urls = ClientUrls::new(oauth.public_url.as_deref(), oauth.client_metadata_url.as_deref());
        let (access, lifecycle) = (self.access.clone(), self.lifecycle.clone());
        Arc::new(Authorizations::new(client, urls, access, lifecycle, self.revocation.clone()))
    }

    /// None, as no server is remote.
    #[cfg(not(feature = "remote"))]
    pub(super) fn authorizations(&self, _settings: &Settings) -> Arc<Authorizations> {
        Arc::default()
    }

    /// Processes of servers, with tokens from `authorizations`.
    pub(super) fn placement(
        &self,
        authorizations: Arc<Authorizations>,
        supervisor: SupervisorHandle,
        launcher: Launcher,
    ) -> Arc<Placement> {
        let (registry, lifecycle) = (self.registry.clone(), self.lifecycle.clone());
        let (secrets, home) = (self.secrets.clone(), self.arbiters.handle().clone());
        Arc::new(Placement::new(registry, authorizations, secrets, lifecycle, supervisor, launcher, home))
    }
}

/// The addresses at which servers may be, and what is asked for them.
fn reachable(settings: &Settings) -> Reachable {
    if settings.private_addresses { Reachable::Any } else { Reachable::Public }
}
