//! Starts a runtime: opens the database, assembles the services, and begins what goes on beside requests.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock, atomic::AtomicBool},
};

use actix::ArbiterHandle;
use secrecy::ExposeSecret;
use tokio::sync::{SetOnce, mpsc};

use crate::{
    access::{self, credentials},
    accounts::{FirstAdmin, TokenIssuer},
    error::{Error, Result},
    model::Principal,
    placement::{Containers, Launcher, SupervisorHandle},
    recorder::{Chain, Recorder},
    runtime::{
        Runtime, Services, Settings,
        assembly::Assembly,
        data_dir::{self, DataDir},
        handle::Inner,
        place::Place,
        rotation,
        stop::DRAIN_TIMEOUT,
        system_facts::SystemFacts,
        tenure,
    },
    secrets::Keyring,
    store::{Store, audit_chain, call_bytes, users},
    supervisor::{self, Seclusion, SupervisorSettings},
    tasks::{arbiters::Arbiters, blocking},
    timeline::Timeline,
};

/// The opened database, and what comes with it.
struct Opened {
    keyring: Keyring,
    store: Store,
    recorder: Recorder,
    seclusion: Option<Seclusion>,
    containers: Containers,
}

impl Runtime {
    /// Starts a runtime: migrates the database, ends what an earlier run left behind, and starts every enabled server,
    /// without waiting for those. It has threads of its own, so that it may be started and used from any tokio runtime
    /// or actix system, and outlives them.
    ///
    /// Any number of runtimes fit in one program, each with a data folder and a database of its own; `Conflict` where
    /// either is in use.
    pub async fn start(settings: Settings) -> Result<Self> {
        let arbiters =
            Arbiters::start().await.map_err(|cause| Error::Internal(format!("it has no thread: {cause}")))?;
        let arbiters = Arc::new(arbiters);
        let home = arbiters.clone();
        let started = arbiters.run(move || Self::start_on(home, settings)).await;
        started.unwrap_or_else(|| Err(Error::Internal("the start of the runtime panicked".into())))
    }

    /// Starts a runtime on the thread of `arbiters`.
    async fn start_on(arbiters: Arc<Arbiters>, settings: Settings) -> Result<Self> {
        let (guard, issuer) = (guard(&settings).await?, TokenIssuer::new(&settings.oauth)?);
        let (dir, wanted) = (settings.data_dir.clone(), settings.clone());
        let DataDir { lock, mark, is_established } = blocking(move || data_dir::occupy(&dir)).await?;
        let holder = mark.clone();
        let Opened { keyring, store, recorder, seclusion, containers } =
            blocking(move || open(&wanted, &holder, is_established)).await?;
        tenure::wait_for_predecessor(&recorder).await?;
        let place = Place::new(recorder.clone(), lock);
        let (own_data, installation) = (containers.bounds.hidden.clone(), data_dir::installation(&mark).to_owned());
        let launcher = launcher(&settings, mark, guard, (seclusion, containers));
        let base = Assembly::new(&settings, arbiters, store, recorder, keyring, own_data, installation);
        let (inner, reports) = Inner::assemble(settings, base, issuer, launcher, place)?;
        let runtime = Self { inner: Arc::new(inner) };
        runtime.attend(reports);
        runtime.load(is_established).await?;
        Ok(runtime)
    }
}

impl Inner {
    /// Assembles the services of a runtime; returns what the supervisor reports as well.
    fn assemble(
        settings: Settings,
        base: Assembly,
        issuer: Option<TokenIssuer>,
        launcher: Launcher,
        place: Place,
    ) -> Result<(Self, mpsc::UnboundedReceiver<supervisor::SupervisorEvent>)> {
        let (supervisor, reports) = supervise(&settings, base.arbiters.servers())?;
        let events = base.events();
        let services = Services::new(&base, &settings, &events);
        let authorizations = base.authorizations(&settings);
        let placement = base.placement(authorizations.clone(), supervisor, launcher);
        let listings = base.listings(&settings, &events);
        let history = base.history(&settings, &listings);
        let calls = base.calls(&settings, placement.clone(), listings.clone(), events.clone(), history.clone());
        let timeline = Arc::new(Timeline::new(settings.data_dir.join("logs"), settings.log_bytes));
        let servers = base.servers(&settings, &authorizations, &placement, &listings, &events, &timeline);
        let inner = Self {
            accounts: base.accounts(issuer),
            account_events: base.account_events(&placement, &servers),
            servers,
            audit_log: base.audit_log(&settings),
            authorizations,
            history,
            events,
            listings,
            secrets: base.secrets,
            access: base.access,
            revocation: base.revocation,
            registry: base.registry,
            telemetry: base.telemetry,
            lifecycle: base.lifecycle,
            arbiters: base.arbiters,
            first_admin: OnceLock::new(),
            is_stopping: AtomicBool::new(false),
            stopped: SetOnce::new(),
            timeline,
            embedder: credentials::embedder(),
            facts: SystemFacts::now(),
            settings,
            store: base.store,
            recorder: base.recorder,
            keyring: base.keyring,
            placement,
            calls,
            services,
            place,
        };
        Ok((inner, reports))
    }
}

impl Runtime {
    /// Takes up what the database holds.
    async fn load(&self, is_established: bool) -> Result<()> {
        let Settings { admin_email, admin_password, data_dir, .. } = &self.inner.settings;
        let password = admin_password.as_ref().map(ExposeSecret::expose_secret);
        let first = FirstAdmin { email: admin_email, password, data_dir };
        if let Some(password) = self.inner.accounts.ensure_admin(first).await? {
            // Only a start makes the account, and only once.
            let _ = self.inner.first_admin.set(password);
        }
        if !is_established {
            let dir = self.inner.settings.data_dir.clone();
            blocking(move || data_dir::establish(&dir)).await?;
        }
        if self.serves().mcp() {
            self.inner.servers.load().await?;
        }
        self.inner.services.load().await
    }

    /// Begins what goes on beside requests for as long as the runtime lives.
    fn attend(&self, reports: mpsc::UnboundedReceiver<supervisor::SupervisorEvent>) {
        let inner = &self.inner;
        let revocation = Arc::downgrade(&inner.revocation);
        inner.accounts.observe(revocation);
        let account_events = Arc::downgrade(&inner.account_events);
        inner.accounts.observe(account_events);
        inner.secrets.observe(Arc::downgrade(&inner.servers));
        inner.authorizations.observe(Arc::downgrade(&inner.placement));
        actix::spawn(inner.servers.follow(reports));
        inner.services.attend(&inner.events);
        actix::spawn(inner.events.run());
        actix::spawn(inner.access.run());
        actix::spawn(inner.audit_log.run());
        inner.history.run();
        if self.serves().mcp() {
            inner.servers.follow_sources();
            actix::spawn(inner.servers.follow_packages());
        }
        actix::spawn(inner.placement.run());
        actix::spawn(inner.revocation.run());
        actix::spawn(tenure::follow(Arc::downgrade(inner)));
    }

    /// Address and password of the first admin, where this start made the account and the password up.
    #[must_use]
    pub fn first_admin(&self) -> Option<(&str, &str)> {
        let password = self.inner.first_admin.get()?;
        Some((&self.inner.settings.admin_email, password))
    }

    /// The principal of the program that embeds this runtime: every permission, no rate limit.
    #[must_use]
    pub fn embedder(&self) -> &Principal {
        &self.inner.embedder
    }
}

/// The program that guards processes, once it was tried.
async fn guard(settings: &Settings) -> Result<PathBuf> {
    let program = settings.guard.clone().unwrap_or_else(supervisor::this_program);
    let tried = program.clone();
    blocking(move || {
        supervisor::try_guard(&tried).map_err(|why| {
            let next = "name a program that calls ostler::guard() first thing in main, such as ostler itself, or in a \
                        test the program under test: env!(\"CARGO_BIN_EXE_…\")";
            Error::invalid("/guard", format!("{} cannot guard servers: {why}; {next}", tried.display()))
        })
    })
    .await?;
    Ok(program)
}

/// Opens the database, once no other Ostler has it, and migrates it. Blocks.
fn open(settings: &Settings, holder: &str, is_established: bool) -> Result<Opened> {
    let is_another = || data_dir::is_another(&settings.data_dir, &settings.database);
    // Before one is made.
    if is_established && settings.database.is_missing() {
        return Err(is_another());
    }
    let containers = data_dir::contain(settings)?;
    let store = Store::open(&settings.database)?;
    let mut occupied = store.occupy(holder)?;
    for name in store.migrate()? {
        log::info!(migration = name.as_str(); "database migrated");
    }
    let noted = access::heads_of_last_run(&settings.data_dir, settings.audit_head_file.as_deref());
    let db = &mut occupied.db;
    call_bytes::find_backlog(db)?;
    if is_established && users::count(db)? == 0 {
        return Err(is_another());
    }
    let keyring = rotation::keyring(settings, db)?;
    let noted = rotation::of_this_key(noted, &keyring, &audit_chain::head(db)?);
    let recorder = Recorder::start(&store, occupied, Chain::new(keyring.audit.clone(), noted))?;
    let seclusion = settings.serve.mcp().then(|| data_dir::seclude(settings)).flatten();
    Ok(Opened { keyring, store, recorder, seclusion, containers })
}

fn supervise(
    settings: &Settings,
    handles: Vec<ArbiterHandle>,
) -> Result<(SupervisorHandle, mpsc::UnboundedReceiver<supervisor::SupervisorEvent>)> {
    let settings = SupervisorSettings {
        restart: settings.restart,
        health_check_interval: settings.health_check_interval,
        max_starting: settings.max_starting,
        drain: DRAIN_TIMEOUT,
    };
    let (events, reports) = mpsc::unbounded_channel();
    Ok((SupervisorHandle::start(settings, handles, events)?, reports))
}

fn launcher(
    settings: &Settings,
    mark: String,
    guard: PathBuf,
    (seclusion, containers): (Option<Seclusion>, Containers),
) -> Launcher {
    Launcher {
        mark,
        guard,
        containers,
        seclusion,
        start_timeout: settings.start_timeout,
        stop_grace: settings.stop_grace,
        health_check_interval: settings.health_check_interval,
        limits: settings.servers.limits,
        launchers: settings.servers.launchers,
        private_addresses: settings.private_addresses,
    }
}
