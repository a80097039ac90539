//! Registering, changing, removing, starting and stopping servers.

use std::sync::Arc;

use crate::{
    error::{Error, Noun, Result},
    events::ServerChangeKind,
    model::{
        AuditEntry, Authorization, HealthStatus, Listing, Page, PageRequest, Permission, Principal, ProcessAction,
        RuntimeStatus, Server, ServerChange, ServerConfig, ServerId, Share, TimelineLevel, Timestamp, ToolRules,
        UserId,
    },
    policy::{change, mask::MASKED, permission, server as rules},
    registry::{Registered, secrets},
    runtime::Runtime,
    store,
    supervisor::{
        ChildView, Link,
        messages::{NotUp, RestartServer, StartServer, StopServer, Wanted},
    },
    tasks::run_to_completion,
};

/// A server, its process, and nothing secret: the values of `env` and headers in `server.config` are masked.
#[derive(Clone, Debug)]
pub struct ServerDetails {
    /// The server as registered, with masked values.
    pub server: Server,
    /// What its process is doing.
    pub runtime_status: RuntimeStatus,
    /// What is known of its authorization, where it is remote and wants any.
    pub authorization: Option<Authorization>,
    /// Changes whenever the configuration does; for `ETag` and `If-Match`, without quotes.
    pub revision: String,
}

impl ServerDetails {
    /// The server as far as `who` may see it.
    fn of(registered: &Registered, authorization: impl FnOnce(&str) -> Option<Authorization>, who: &Principal) -> Self {
        let mut server = registered.current();
        server.config.secrets_mut().for_each(|value| *value = MASKED.into());
        let revision = revision(&server);
        let remote = server.config.remote.as_ref();
        let authorization = remote.and_then(|remote| authorization(&remote.url));
        let runtime_status = registered.status_for(who);
        if registered.allows(who, permission::CONFIGURES) {
            return Self { server, runtime_status, authorization, revision };
        }
        hide_configuration(&mut server.config);
        Self { server, runtime_status, authorization: None, revision }
    }
}

/// Leaves of a configuration what those may know who only call.
fn hide_configuration(config: &mut ServerConfig) {
    config.command.clear();
    config.args.clear();
    config.env.clear();
    config.tools = ToolRules::default();
    if let Some(remote) = &mut config.remote {
        remote.url.clear();
        remote.headers.clear();
    }
}

impl Runtime {
    /// The caller's own servers and those shared with them, oldest first.
    pub fn servers(&self, who: &Principal, page: &PageRequest) -> Result<Page<ServerDetails>> {
        self.inner.access.require_any(who, permission::SEES, "server.list")?;
        self.page(who, page, |registered| registered.is_of(who, permission::SEES))
    }

    /// Every server, oldest first (`mcp:manage`).
    pub fn all_servers(&self, who: &Principal, page: &PageRequest) -> Result<Page<ServerDetails>> {
        self.inner.access.require(who, Permission::McpManage, "server.list-all")?;
        self.page(who, page, |_| true)
    }

    /// One server.
    pub fn server(&self, who: &Principal, id: ServerId) -> Result<ServerDetails> {
        Ok(self.details(&*self.inner.registry.reach(who, id, permission::SEES, "server.read")?, who))
    }

    /// Registers a server, and starts it if enabled; does not wait for it.
    pub async fn create_server(&self, who: &Principal, config: ServerConfig) -> Result<ServerDetails> {
        const ACTION: &str = "server.create";
        self.inner.access.require_any(who, permission::WRITES, ACTION)?;
        rules::faults(&config).into_result()?;
        self.check_command(who, &config, ACTION)?;
        self.inner.access.limits().server_create(who)?;
        let server = new_server(who.user_id, config);
        let stored = secrets::seal(&self.inner.keyring, &server)?;
        let entry = self.inner.access.change(who, ACTION, server.id)?.with_detail(server.config.name.clone());
        let (runtime, who) = (self.clone(), who.clone());
        run_to_completion(async move {
            let _work = runtime.inner.lifecycle.begin_work()?;
            let _change = runtime.inner.lifecycle.begin_change().await;
            runtime.inner.recorder.write(Some(entry), move |db| store::servers::insert(db, &stored)).await?;
            runtime.inner.timeline.log(server.id).ostler(TimelineLevel::Info, "registered");
            let registered = runtime.register(server, Vec::new(), None).await?;
            runtime.inner.events.publish_server_change(&registered, ServerChangeKind::Created);
            Ok(runtime.details(&registered, &who))
        })
        .await
    }

    /// Changes a server; a running one is replaced without losing a call. `if_match` is a revision the caller saw.
    pub async fn update_server(
        &self,
        who: &Principal,
        id: ServerId,
        change: ServerChange,
        if_match: Option<&str>,
    ) -> Result<ServerDetails> {
        const ACTION: &str = "server.update";
        let registered = self.inner.registry.reach(who, id, permission::WRITES, ACTION)?;
        let (runtime, who, if_match) = (self.clone(), who.clone(), if_match.map(ToOwned::to_owned));
        run_to_completion(async move {
            let _work = runtime.inner.lifecycle.begin_work()?;
            let _change = runtime.inner.lifecycle.begin_change().await;
            let _alone = registered.changing.lock().await;
            let before = Server::clone(&registered.server.load());
            if if_match.is_some_and(|seen| seen != revision(&before)) {
                return Err(Error::Stale(Noun::Server));
            }
            let after = Server { config: change::merged(&before.config, change.clone())?, ..before.clone() };
            rules::faults(&after.config).into_result()?;
            if (&before.config.command, &before.config.args) != (&after.config.command, &after.config.args) {
                runtime.check_command(&who, &after.config, ACTION)?;
            }
            if !registered.is_owned_by(&who) {
                let checked = change::check_kept(&before.config, &change, &after.config);
                checked.inspect_err(|_| runtime.inner.access.entries().record_denial(&who, ACTION, &id.to_string()))?;
            }
            let entry = runtime.inner.access.change(&who, ACTION, id)?;
            runtime.apply(&registered, &before, after, entry).await?;
            runtime.inner.events.publish_server_change(&registered, ServerChangeKind::Updated);
            Ok(runtime.details(&registered, &who))
        })
        .await
    }

    /// Removes a server; its process ends soon after.
    pub async fn delete_server(&self, who: &Principal, id: ServerId) -> Result<()> {
        const ACTION: &str = "server.delete";
        self.inner.registry.reach_as_owner(who, id, ACTION)?;
        let entry = self.inner.access.change(who, ACTION, id)?;
        let runtime = self.clone();
        run_to_completion(async move {
            let _change = runtime.inner.lifecycle.begin_change().await;
            let remove = move |db: &mut store::Connection| store::servers::soft_delete(db, id, Timestamp::now());
            let found = runtime.inner.recorder.write(Some(entry), remove).await?;
            runtime.forget_server(id);
            if found { Ok(()) } else { Err(Error::NotFound(Noun::Server)) }
        })
        .await
    }

    /// Starts a server; returns once it is ready.
    pub async fn start_server(&self, who: &Principal, id: ServerId) -> Result<RuntimeStatus> {
        let registered = self.command(who, id, ProcessAction::Start).await?;
        up(&registered, who, self.inner.placement.supervisor().ask(StartServer { id }).await?)
    }

    /// Stops a server; returns once its process tree is gone.
    pub async fn stop_server(&self, who: &Principal, id: ServerId) -> Result<RuntimeStatus> {
        let registered = self.command(who, id, ProcessAction::Stop).await?;
        self.inner.placement.supervisor().ask(StopServer { id }).await?;
        self.inner.placement.stop_isolated_of_server(id).await?;
        Ok(registered.status_for(who))
    }

    /// Stops and starts a server; returns once it is ready again.
    pub async fn restart_server(&self, who: &Principal, id: ServerId) -> Result<RuntimeStatus> {
        let registered = self.command(who, id, ProcessAction::Restart).await?;
        self.inner.placement.stop_isolated_of_server(id).await?;
        up(&registered, who, self.inner.placement.supervisor().ask(RestartServer { id }).await?)
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
        let mut view = self.inner.registry.reach(who, id, permission::READS, "server.read")?.link.view.clone();
        let seen = view.wait_for(|view| reached(&view.runtime_status())).await;
        seen.map(|view| view.runtime_status()).map_err(|_| Error::NotFound(Noun::Server))
    }

    /// Forgets the servers of an account that is deleted in the database, and what was shared with it.
    pub(super) fn forget_servers_of(&self, user: UserId, ids: &[ServerId]) {
        ids.iter().for_each(|id| self.forget_server(*id));
        for registered in self.inner.registry.all().values() {
            registered.change_shares(user, None);
        }
        self.inner.revocation.rights_changed();
    }

    pub(super) fn forget_server(&self, id: ServerId) {
        if let Some(removed) = self.inner.registry.remove(id) {
            self.inner.events.publish_server_removal(&removed);
            self.inner.revocation.rights_changed();
        }
        self.inner.timeline.forget(id);
        self.inner.authorizations.remove(id);
        self.inner.listings.forget(id);
        self.inner.placement.remove(id);
    }

    pub(super) async fn register(
        &self,
        server: Server,
        shares: Vec<Share>,
        listing: Option<Arc<Listing>>,
    ) -> Result<Arc<Registered>> {
        let wanted = if server.config.enabled { Wanted::Up } else { Wanted::Down };
        let link = Link::logged(self.inner.timeline.log(server.id));
        let link = if let Some(listing) = listing { link.with_listing(listing) } else { link };
        let registered = Registered::new(server, shares, link, self.inner.settings.max_in_flight);
        let registered = self.inner.registry.insert(registered);
        self.inner.placement.add(&registered, wanted).await?;
        Ok(registered)
    }

    async fn apply(
        &self,
        registered: &Registered,
        before: &Server,
        mut after: Server,
        entry: AuditEntry,
    ) -> Result<()> {
        // Strictly later, so that a revision never comes twice.
        after.updated_at = Timestamp::now().max(before.updated_at.plus(std::time::Duration::from_millis(1)));
        let stored = secrets::seal(&self.inner.keyring, &after)?;
        let update = move |db: &mut store::Connection| store::servers::update_config(db, &stored);
        if !self.inner.recorder.write(Some(entry), update).await? {
            return Err(Error::NotFound(Noun::Server));
        }
        registered.link.note(TimelineLevel::Info, "its configuration was changed");
        self.put_in_force(registered, after).await
    }

    /// Has a server run as it is stored.
    pub(super) async fn put_in_force(&self, registered: &Registered, after: Server) -> Result<()> {
        let (id, before) = (after.id, registered.server.load_full());
        // The process of before may still answer, and say what was secret then.
        let mask = secrets::mask([&before.config, &after.config]);
        // Whoever stands by has stopped them all.
        let was_enabled = before.config.enabled && !self.inner.lifecycle.is_standing_by();
        let wanted = match (was_enabled, after.config.enabled) {
            (false, true) => Some(Wanted::Up),
            (true, false) => Some(Wanted::Down),
            (true, true) | (false, false) => None,
        };
        let is_isolated_alike = before.config.isolation == after.config.isolation;
        registered.mask.store(Arc::new(mask.clone()));
        let after = Arc::new(after);
        registered.server.store(after.clone());
        self.inner.placement.update(id, &after.config, mask, wanted).await?;
        match wanted {
            Some(Wanted::Down) => self.inner.placement.stop_isolated_of_server(id).await,
            Some(Wanted::Up) | None if is_isolated_alike => self.inner.placement.update_isolated_of_server(id).await,
            Some(Wanted::Up) | None => {
                self.inner.placement.end_isolated_of_server(id);
                Ok(())
            }
        }
    }

    /// The server, if `who` may command its process; the command is on record before it is carried out.
    async fn command(&self, who: &Principal, id: ServerId, action: ProcessAction) -> Result<Arc<Registered>> {
        let registered = self.inner.registry.reach(who, id, permission::WRITES, action.as_str())?;
        let _work = self.inner.lifecycle.begin_work()?;
        self.inner.recorder.commit_entry(self.inner.access.change(who, action.as_str(), id)?).await?;
        let text = format!("asked to {}", action.verb());
        registered.link.note(TimelineLevel::Info, &text);
        Ok(registered)
    }

    /// The server as far as `who` may see it.
    pub(super) fn details(&self, registered: &Registered, who: &Principal) -> ServerDetails {
        ServerDetails::of(registered, |url| self.inner.authorizations.status(registered.id, url), who)
    }

    fn page(
        &self,
        who: &Principal,
        page: &PageRequest,
        wanted: impl Fn(&Registered) -> bool,
    ) -> Result<Page<ServerDetails>> {
        let after = page.cursor.as_deref().map(str::parse::<ServerId>).transpose();
        let after = after.map_err(|_| Error::Malformed("cursor: is not one that a list gave".into()))?;
        let all = self.inner.registry.all();
        let limit = usize::try_from(page.limit.clamp(1, 100)).unwrap_or(100);
        let mut rest = all
            .range((after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded), std::ops::Bound::Unbounded))
            .map(|(_, registered)| registered)
            .filter(|registered| wanted(registered));
        let items: Vec<_> = rest.by_ref().take(limit).map(|registered| self.details(registered, who)).collect();
        let last = items.last().map(|details| details.server.id.to_string());
        let next_cursor = rest.next().and(last);
        Ok(Page { items, next_cursor })
    }

    pub(super) fn check_command(&self, who: &Principal, config: &ServerConfig, action: &str) -> Result<()> {
        let allowed = &self.inner.settings.allowed_commands;
        // An address runs nothing here.
        if config.remote.is_some() || who.may(Permission::McpManage) || allowed.allows(&config.command, &config.args) {
            return Ok(());
        }
        self.inner.access.entries().record_denial(who, action, &config.command);
        Err(Error::CommandNotAllowed(format!(
            "command: `{}` with these arguments is not allowed here; ask somebody with mcp:manage to register it, \
             or to add a template for it to MCP_ALLOWED_COMMANDS",
            config.command
        )))
    }
}

fn new_server(user_id: UserId, config: ServerConfig) -> Server {
    let now = Timestamp::now();
    Server {
        id: ServerId::new(),
        user_id,
        config,
        health_status: HealthStatus::Unknown,
        total_calls: 0,
        total_errors: 0,
        total_execution_time: 0,
        last_used_at: None,
        last_health_check: None,
        created_at: now,
        updated_at: now,
    }
}

fn revision(server: &Server) -> String {
    server.updated_at.to_string()
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
