//! Registers, changes and removes servers.

use std::{sync::Arc, time::Duration};

use crate::{
    error::{Error, Noun, Result},
    events::ServerChangeKind,
    model::{
        AuditEntry, Listing, Permission, Principal, Sandbox, SandboxLevel, Server, ServerChange, ServerConfig,
        ServerId, Share, TimelineLevel, Timestamp, UserId,
    },
    policy::{
        change,
        command::{AllowedCommands, CommandRefusal},
        mask::Mask,
        permission,
        pins::Pins,
        sandbox, server as rules,
    },
    registry::{Registered, secrets},
    servers::{
        details::{ServerDetails, revision},
        service::Servers,
    },
    store,
    supervisor::{Link, messages::Wanted},
};

/// The name of a registration in the audit log.
pub(super) const CREATE: &str = "server.create";

/// The name of a change in the audit log.
pub(super) const UPDATE: &str = "server.update";

impl Servers {
    /// Registers a server, and starts it if enabled; does not wait for it.
    ///
    /// ```no_run
    /// # async fn register(runtime: ostler::Runtime) -> ostler::Result<()> {
    /// use ostler::model::ServerConfig;
    ///
    /// let me = runtime.embedder();
    /// let clock = ServerConfig::new("clock", "uvx").args(["mcp-server-time"]).env("TZ", "Europe/Berlin");
    /// let clock = runtime.servers().create(me, clock).await?.server.id;
    /// let status = runtime.servers().start(me, clock).await?; // waits until it is ready
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create(self: &Arc<Self>, who: &Principal, config: ServerConfig) -> Result<ServerDetails> {
        self.check_new(who, &config).await?;
        self.access.limits().server_create(who)?;
        self.add(who, config).await
    }

    /// Decides whether the caller may register a server, but for their rate limit.
    pub(super) async fn check_new(&self, who: &Principal, config: &ServerConfig) -> Result<()> {
        self.access.require_any(who, permission::WRITES, CREATE)?;
        self.check_config(who, None, config, CREATE)?;
        self.placement.check_paths(&ServerConfig::new("", ""), config).await
    }

    /// Registers a server that was checked.
    pub(super) async fn add(self: &Arc<Self>, who: &Principal, config: ServerConfig) -> Result<ServerDetails> {
        let config = ServerConfig { grants_paths: self.writes_any_command(who), ..config };
        self.insert(who, config, |_, _| Ok(Vec::new())).await
    }

    /// Registers a server as it is, together with what `also` writes, which returns its shares.
    pub(super) async fn insert(
        self: &Arc<Self>,
        who: &Principal,
        config: ServerConfig,
        also: impl FnOnce(&mut store::Connection, &Server) -> Result<Vec<Share>> + Send + 'static,
    ) -> Result<ServerDetails> {
        let server = Server::registered(who.user_id, config);
        let stored = secrets::seal(&self.keyring, &server)?;
        let entry = self.access.change(who, CREATE, server.id)?.with_detail(server.config.name.clone());
        let (servers, who) = (self.clone(), who.clone());
        self.recorder
            .run_to_completion(async move {
                let _work = servers.lifecycle.begin_work()?;
                let _change = servers.lifecycle.begin_change().await;
                let write = move |db: &mut store::Connection| {
                    store::servers::insert(db, &stored)?;
                    also(db, &stored.server)
                };
                let shares = servers.recorder.write(Some(entry), write).await?;
                servers.timeline.log(server.id).ostler(TimelineLevel::Info, "registered");
                let registered = servers.register(server, shares, None, None).await?;
                servers.events.publish_server_change(&registered, ServerChangeKind::Created);
                Ok(servers.details(&registered, &who))
            })
            .await
    }

    /// Changes a server; a running one is replaced without losing a call. `if_match` is a revision the caller saw.
    pub async fn update(
        self: &Arc<Self>,
        who: &Principal,
        id: ServerId,
        change: ServerChange,
        if_match: Option<&str>,
    ) -> Result<ServerDetails> {
        let (servers, owner, if_match) = (self.clone(), who.clone(), if_match.map(ToOwned::to_owned));
        self.change(who, id, move |registered, before| {
            if if_match.is_some_and(|seen| seen != revision(before)) {
                return Err(Error::Stale(Noun::Server));
            }
            let after = change::merged(&before.config, change.clone())?;
            servers.check_config(&owner, Some(&before.config), &after, UPDATE)?;
            if !registered.is_owned_by(&owner) {
                let checked = change::check_masked_values(&before.config, &change, &after);
                checked.inspect_err(|_| servers.access.entries().record_denial(&owner, UPDATE, &id.to_string()))?;
            }
            Ok(ServerConfig { grants_paths: servers.writes_any_command(&owner), ..after })
        })
        .await
    }

    /// Has a server run by the configuration that `decide` makes of the one before, and has checked. Who left all that
    /// names paths as it was changes nothing about their grants.
    pub(super) async fn change(
        self: &Arc<Self>,
        who: &Principal,
        id: ServerId,
        decide: impl FnOnce(&Registered, &Server) -> Result<ServerConfig> + Send + 'static,
    ) -> Result<ServerDetails> {
        let registered = self.registry.reach(who, id, permission::WRITES, UPDATE)?;
        let (servers, who) = (self.clone(), who.clone());
        self.recorder
            .run_to_completion(async move {
                let _work = servers.lifecycle.begin_work()?;
                let _change = servers.lifecycle.begin_change().await;
                let _alone = registered.changing.lock().await;
                let before = Server::clone(&registered.server.load());
                let mut after = Server { config: decide(&registered, &before)?, ..before.clone() };
                servers.placement.check_paths(&before.config, &after.config).await?;
                if change::is_named_alike(&before.config, &after.config) {
                    after.config.grants_paths = before.config.grants_paths;
                }
                let entry = servers.access.change(&who, UPDATE, id)?;
                servers.apply(&registered, &before, after, entry).await?;
                servers.events.publish_server_change(&registered, ServerChangeKind::Updated);
                Ok(servers.details(&registered, &who))
            })
            .await
    }

    /// Removes a server; its process ends soon after.
    pub async fn delete(self: &Arc<Self>, who: &Principal, id: ServerId) -> Result<()> {
        const ACTION: &str = "server.delete";
        self.registry.reach_as_owner(who, id, ACTION)?;
        let entry = self.access.change(who, ACTION, id)?;
        let servers = self.clone();
        self.recorder
            .run_to_completion(async move {
                let _change = servers.lifecycle.begin_change().await;
                let remove = move |db: &mut store::Connection| store::servers::soft_delete(db, id, Timestamp::now());
                let found = servers.recorder.write(Some(entry), remove).await?;
                servers.forget(id);
                if found { Ok(()) } else { Err(Error::NotFound(Noun::Server)) }
            })
            .await
    }

    /// Forgets the servers of an account that is deleted in the database, and what was shared with it.
    pub(crate) fn forget_all(self: &Arc<Self>, user: UserId, ids: &[ServerId]) {
        ids.iter().for_each(|id| self.forget(*id));
        for registered in self.registry.all().values() {
            registered.change_shares(user, None);
        }
        self.revocation.rights_changed();
    }

    pub(super) fn forget(self: &Arc<Self>, id: ServerId) {
        if let Some(removed) = self.registry.remove(id) {
            self.events.publish_server_removal(&removed);
            self.revocation.rights_changed();
        }
        self.secrets.forget_server(id);
        self.timeline.forget(id);
        self.authorizations.remove(id);
        self.listings.forget(id);
        self.packages.forget(id);
        self.placement.remove(id);
    }

    pub(super) async fn register(
        &self,
        server: Server,
        shares: Vec<Share>,
        listing: Option<Arc<Listing>>,
        pins: Option<Pins>,
    ) -> Result<Arc<Registered>> {
        let wanted = if server.config.enabled { Wanted::Up } else { Wanted::Down };
        let link = Link::logged(self.timeline.log(server.id));
        let link = if let Some(listing) = listing { link.with_listing(listing) } else { link };
        let registered = Registered::new(server, shares, link, self.settings.max_in_flight);
        let registered = self.registry.insert(registered);
        self.listings.load_pins(&registered, pins);
        {
            // A secret that changes meanwhile waits for the child, which would not know of it.
            let _alone = registered.changing.lock().await;
            registered.change_mask(|_| Mask::new(&self.secrets.values_of(&registered.server.load())));
            self.placement.add(&registered, wanted).await?;
        }
        Ok(registered)
    }

    /// Stores a changed configuration, and puts it in force.
    pub(super) async fn apply(
        self: &Arc<Self>,
        registered: &Arc<Registered>,
        before: &Server,
        mut after: Server,
        entry: AuditEntry,
    ) -> Result<()> {
        // Strictly later, so that a revision never comes twice.
        after.updated_at = Timestamp::now().max(before.updated_at.plus(Duration::from_millis(1)));
        let stored = secrets::seal(&self.keyring, &after)?;
        let update = move |db: &mut store::Connection| store::servers::update_config(db, &stored);
        if !self.recorder.write(Some(entry), update).await? {
            return Err(Error::NotFound(Noun::Server));
        }
        registered.link.add_note(TimelineLevel::Info, "its configuration was changed");
        self.put_in_force(registered, after).await?;
        // Tools that wait are accepted by one who has them followed.
        if let Some(listing) = registered.link.listing()
            && let Err(cause) = self.listings.review(registered, &listing).await
        {
            log::warn!(server:% = registered.id, cause:%; "the tools of a server could not be reviewed");
        }
        Ok(())
    }

    /// Has a server run as it is stored.
    pub(super) async fn put_in_force(self: &Arc<Self>, registered: &Registered, after: Server) -> Result<()> {
        let (id, before) = (after.id, registered.server.load_full());
        // The process of before may still answer, and say what was secret then.
        let values = || [self.secrets.values_of(&before), self.secrets.values_of(&after)].concat();
        let mask = registered.change_mask(|_| Mask::new(&values()));
        // An Ostler on standby has stopped all its servers.
        let was_enabled = before.config.enabled && !self.lifecycle.is_standing_by();
        let wanted = match (was_enabled, after.config.enabled) {
            (false, true) => Some(Wanted::Up),
            (true, false) => Some(Wanted::Down),
            (true, true) | (false, false) => None,
        };
        let is_isolated_alike = before.config.isolation == after.config.isolation;
        let after = Arc::new(after);
        registered.server.store(after.clone());
        self.placement.update(&after, mask, wanted).await?;
        match wanted {
            Some(Wanted::Down) => self.placement.stop_isolated_of_server(id).await,
            Some(Wanted::Up) | None if is_isolated_alike => self.placement.update_isolated_of_server(id).await,
            Some(Wanted::Up) | None => {
                self.placement.end_isolated_of_server(id);
                Ok(())
            }
        }
    }

    /// Refuses an address that can never be reached. An old one stands, whatever may be reached now.
    pub(super) fn check_url(&self, before: Option<&ServerConfig>, after: &ServerConfig) -> Result<()> {
        let url = |config: &ServerConfig| config.remote.as_ref().map(|remote| remote.url.clone());
        let new = url(after).filter(|_| before.is_none_or(|before| url(before) != url(after)));
        match new.and_then(|url| self.placement.refused_url(&url)) {
            Some(why) => Err(Error::invalid("/url", format!("cannot be reached: {why}"))),
            None => Ok(()),
        }
    }

    /// Decides whether a server may become what the caller made of it.
    pub(super) fn check_config(
        &self,
        who: &Principal,
        before: Option<&ServerConfig>,
        after: &ServerConfig,
        action: &str,
    ) -> Result<()> {
        rules::faults(after, &self.settings.allowed_variables).into_result()?;
        self.check_url(before, after)?;
        let sandbox = before.map(|before| before.sandbox.clone()).unwrap_or_default();
        self.check_sandbox(who, &sandbox, after, action)?;
        self.check_external_references(who, before, after, action)?;
        self.check_command(who, before, after, action)
    }

    /// True when the caller may write any command line, and so have any path granted by naming it.
    pub(super) fn writes_any_command(&self, who: &Principal) -> bool {
        who.may(Permission::McpManage) || self.settings.allowed_commands == AllowedCommands::Everything
    }

    /// Decides whether the caller may have a server contained like this.
    fn check_sandbox(&self, who: &Principal, before: &Sandbox, after: &ServerConfig, action: &str) -> Result<()> {
        let is_none = after.sandbox.level == Some(SandboxLevel::None) && before.level != after.sandbox.level;
        let refused = if is_none && !who.may(Permission::McpManage) {
            Some(("/sandbox/level", "`none` needs mcp:manage: leave it out, or ask a user who has that"))
        } else {
            let opened = sandbox::opened(before, &after.sandbox).filter(|_| !self.writes_any_command(who));
            opened.map(|place| (place, "opens more than before, which needs mcp:manage, as any command line does"))
        };
        let Some((place, why)) = refused else { return Ok(()) };
        self.access.entries().record_denial(who, action, place);
        Err(Error::Forbidden(format!("{}: {why}", place.trim_start_matches('/').replace('/', "."))))
    }

    /// Decides whether the caller may write this command line, and these variables for it.
    fn check_command(
        &self,
        who: &Principal,
        before: Option<&ServerConfig>,
        config: &ServerConfig,
        action: &str,
    ) -> Result<()> {
        // An address runs nothing here.
        let is_free = config.remote.is_some() || who.may(Permission::McpManage);
        let Some(refusal) = self.refused_command(before, config).filter(|_| !is_free) else { return Ok(()) };
        let (what, why) = match refusal {
            CommandRefusal::CommandLine => (
                config.command.clone(),
                format!(
                    "command: `{}` with these arguments is not allowed here; ask a user with mcp:manage to register it, \
                         or to add a pattern for it to MCP_ALLOWED_COMMANDS",
                    config.command
                ),
            ),
            CommandRefusal::WorkingDirectory => (
                format!("{} in {}", config.command, config.cwd.as_deref().unwrap_or_default()),
                "cwd: a working directory is not allowed with this command line here; leave it out, or ask a user with \
                 mcp:manage to set it"
                    .into(),
            ),
            CommandRefusal::Variable(name) => (
                format!("{} with {name}", config.command),
                format!(
                    "env: `{name}` is not allowed with this command line here; ask a user with mcp:manage to set it, \
                         or to add `{name}=` to the pattern of it in MCP_ALLOWED_COMMANDS"
                ),
            ),
        };
        self.access.entries().record_denial(who, action, &what);
        Err(Error::CommandNotAllowed(why))
    }

    /// The reason why callers without `mcp:manage` may not write a command line. It and variables that were there
    /// stand; who could not write it gives it no others.
    fn refused_command(&self, before: Option<&ServerConfig>, config: &ServerConfig) -> Option<CommandRefusal> {
        let line = |config: &ServerConfig| (config.command.clone(), config.args.clone(), config.cwd.clone());
        let is_same = before.is_some_and(|before| line(before) == line(config));
        let stands =
            |name: &String, value: &String| is_same && before.is_some_and(|before| before.env.get(name) == Some(value));
        let names = config.env.iter().filter(|(name, value)| !stands(name, value)).map(|(name, _)| name.as_str());
        let sets_cwd = config.cwd.is_some() && before.is_none_or(|before| before.cwd != config.cwd);
        let refusal = self.settings.allowed_commands.refusal(&config.command, &config.args, names.clone(), sets_cwd);
        match refusal {
            Some(CommandRefusal::CommandLine) if is_same => {
                names.clone().next().map(|name| CommandRefusal::Variable(name.to_owned()))
            }
            other => other,
        }
    }
}
