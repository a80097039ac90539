//! [`Servers`]: registered servers, as their owners and those they share them with see and command them.

use std::{ops::Bound, sync::Arc};

use crate::{
    access::Access,
    authorizations::Authorizations,
    catalogue::Catalogue,
    error::{Error, Result},
    events::Events,
    listings::Listings,
    model::{Page, PageRequest, Permission, Principal, ServerId},
    named_secrets::NamedSecrets,
    packages::Packages,
    placement::Placement,
    policy::permission,
    recorder::Recorder,
    registry::{Registered, Registry},
    revocation::Revocation,
    secrets::Keyring,
    servers::{details::ServerDetails, settings::ServerSettings},
    store::Store,
    tasks::lifecycle::Lifecycle,
    telemetry::Telemetry,
    timeline::Timeline,
};

/// Registered servers and their processes, to list, change and command.
pub struct Servers {
    pub(super) registry: Arc<Registry>,
    pub(super) access: Arc<Access>,
    pub(super) revocation: Arc<Revocation>,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) authorizations: Arc<Authorizations>,
    pub(super) placement: Arc<Placement>,
    pub(super) listings: Arc<Listings>,
    pub(super) secrets: Arc<NamedSecrets>,
    pub(super) packages: Packages,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) events: Arc<Events>,
    pub(super) store: Store,
    pub(super) recorder: Recorder,
    pub(super) keyring: Arc<Keyring>,
    pub(super) telemetry: Telemetry,
    pub(super) timeline: Arc<Timeline>,
    pub(super) settings: ServerSettings,
    /// Held by who registers a server unless there is one.
    pub(super) ensuring: tokio::sync::Mutex<()>,
    /// Held while a template is applied to its servers.
    pub(super) rolling: Arc<tokio::sync::Mutex<()>>,
}

impl Servers {
    /// Servers of `registry`, within the limits of `settings`.
    #[expect(clippy::too_many_arguments, reason = "a service's constructor names all it needs")]
    pub(crate) fn new(
        registry: Arc<Registry>,
        access: Arc<Access>,
        revocation: Arc<Revocation>,
        lifecycle: Arc<Lifecycle>,
        authorizations: Arc<Authorizations>,
        placement: Arc<Placement>,
        listings: Arc<Listings>,
        secrets: Arc<NamedSecrets>,
        packages: Packages,
        catalogue: Arc<Catalogue>,
        events: Arc<Events>,
        store: Store,
        recorder: Recorder,
        keyring: Arc<Keyring>,
        telemetry: Telemetry,
        timeline: Arc<Timeline>,
        settings: ServerSettings,
    ) -> Self {
        Self {
            registry,
            access,
            revocation,
            lifecycle,
            authorizations,
            placement,
            listings,
            secrets,
            packages,
            catalogue,
            events,
            store,
            recorder,
            keyring,
            telemetry,
            timeline,
            settings,
            ensuring: tokio::sync::Mutex::default(),
            rolling: Arc::default(),
        }
    }

    /// The caller's own servers and those shared with them, oldest first.
    pub fn list(&self, who: &Principal, page: &PageRequest) -> Result<Page<ServerDetails>> {
        self.access.require_any(who, permission::SEES, "server.list")?;
        self.page(who, page, |registered| registered.is_of(who, permission::SEES))
    }

    /// Every server, oldest first (`mcp:manage`).
    pub fn list_all(&self, who: &Principal, page: &PageRequest) -> Result<Page<ServerDetails>> {
        self.access.require(who, Permission::McpManage, "server.list-all")?;
        self.page(who, page, |_| true)
    }

    /// One server.
    pub fn get(&self, who: &Principal, id: ServerId) -> Result<ServerDetails> {
        Ok(self.details(&*self.registry.reach(who, id, permission::SEES, "server.read")?, who))
    }

    /// The server as far as `who` may see it.
    pub(super) fn details(&self, registered: &Registered, who: &Principal) -> ServerDetails {
        let authorization = |url: &str| self.authorizations.status(registered.id, url);
        let warnings = || (self.listings.warnings(registered), self.listings.waiting(registered).len());
        let sandbox = || self.placement.sandbox(registered.id);
        let level = self.placement.level(&registered.server.load().config);
        let package = || self.package_of(registered);
        let parts = (sandbox, package);
        ServerDetails::of(registered, authorization, warnings, parts, (level, &self.settings.limits), who)
    }

    pub(super) fn page(
        &self,
        who: &Principal,
        page: &PageRequest,
        wanted: impl Fn(&Registered) -> bool,
    ) -> Result<Page<ServerDetails>> {
        let after = page.cursor.as_deref().map(str::parse::<ServerId>).transpose();
        let after = after.map_err(|_| Error::Malformed("cursor: is not one that a list gave".into()))?;
        let all = self.registry.all();
        let limit = usize::try_from(page.limit.clamp(1, 100)).unwrap_or(100);
        let mut rest = all
            .range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded))
            .map(|(_, registered)| registered)
            .filter(|registered| wanted(registered));
        let items: Vec<_> = rest.by_ref().take(limit).map(|registered| self.details(registered, who)).collect();
        let last = items.last().map(|details| details.server.id.to_string());
        let next_cursor = rest.next().and(last);
        Ok(Page { items, next_cursor })
    }
}
