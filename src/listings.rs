//! Listings of servers, as far as owners let callers see them.
//!
//! Knows nothing of who is connected: doors ask by server and caller.

mod listed_server;
mod other_version;
mod pins;
mod quarantine;
mod shadowing;
mod tool_names;
mod tool_rules;
mod vetting;

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use crate::{
    access::Access,
    error::{Error, Noun, Result},
    events::Events,
    model::{AuditEntry, Listing, Outcome, Principal, ServerId, Timestamp},
    policy::{permission, tools},
    recorder::Recorder,
    registry::{Registered, Registry},
    secrets::{Keyring, context},
    store,
    supervisor::Availability,
    telemetry::Telemetry,
};

use tool_names::ToolNames;
use tool_rules::VisibleTools;

pub use listed_server::ListedServer;
pub(crate) use pins::ACCEPT;

/// Bytes of a listing, and of pins, that are stored: longer ones would be read at every start. A listing is read again
/// from its server then, and of pins the hashes are enough.
const STORED_BYTES_MAX: usize = 8 << 20;

/// Listings of the registered servers, and the views that callers have of them.
pub struct Listings {
    registry: Arc<Registry>,
    access: Arc<Access>,
    events: Arc<Events>,
    recorder: Recorder,
    keyring: Arc<Keyring>,
    telemetry: Telemetry,
    call_timeout: Duration,
    views: Mutex<HashMap<ServerId, Arc<VisibleTools>>>,
    /// Names of all tools; `None` where a list has changed since.
    names: ArcSwapOption<ToolNames>,
}

impl Listings {
    /// Of servers in `registry`, stored with `recorder` and sealed by `keyring`; a starting server is waited for during
    /// `call_timeout`, as by a call.
    pub(crate) fn new(
        registry: Arc<Registry>,
        access: Arc<Access>,
        events: Arc<Events>,
        recorder: Recorder,
        keyring: Arc<Keyring>,
        telemetry: Telemetry,
        call_timeout: Duration,
    ) -> Self {
        let (views, names) = Default::default();
        Self { registry, access, events, recorder, keyring, telemetry, call_timeout, views, names }
    }

    /// Every server `who` may use, by name, with its tools described by the owner, and lists that no client refuses.
    pub fn servers(&self, who: &Principal) -> Result<Vec<ListedServer>> {
        self.access.require_any(who, permission::USES, "server.list")?;
        let registered = self.registry.all();
        let described = |server: &Registered| {
            let source = server.link.listing()?;
            Some(self.views_of(server.id).described(&source, &server.server.load()))
        };
        let usable = registered.values().filter(|server| server.is_of(who, permission::USES));
        let mut servers: Vec<_> = usable.map(|server| self.listed(server, described(server))).collect();
        servers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(servers)
    }

    /// One server that `who` may use, with its tools described by itself.
    pub fn server(&self, who: &Principal, id: ServerId) -> Result<ListedServer> {
        let server = self.registry.reach(who, id, permission::USES, "server.tools")?;
        Ok(self.listed(&server, self.permitted(&server)))
    }

    /// The last listing of a server, be it from an earlier run; waits for a starting server that never listed anything.
    pub async fn listing(&self, who: &Principal, id: ServerId) -> Result<Arc<Listing>> {
        let server = self.registry.reach(who, id, permission::USES, "server.tools")?;
        if let Some(listing) = self.permitted(&server) {
            return Ok(listing);
        }
        let (mut listings, mut view) = (server.link.listings(), server.link.view.clone());
        let listed = async {
            tokio::select! {
                biased;
                listed = listings.wait_for(Option::is_some) => {
                    listed.map(drop).map_err(|_| Error::NotFound(Noun::Server))
                }
                down = view.wait_for(|view| matches!(view.availability, Availability::Down(_))) => {
                    Err(down.map_or(Error::NotFound(Noun::Server), |view| unavailable(&view.availability)))
                }
            }
        };
        let timeout = self.call_timeout;
        tokio::time::timeout(timeout, listed).await.map_err(|_| Error::CallTimeout(timeout))??;
        self.permitted(&server).ok_or(Error::NotFound(Noun::Server))
    }

    /// Tools of a running server, each as the server describes it; waits for a starting server as long as a call would.
    pub async fn tools(&self, who: &Principal, id: ServerId) -> Result<Arc<Vec<Arc<RawValue>>>> {
        let registered = self.registry.reach(who, id, permission::USES, "server.tools")?;
        let mut view = registered.link.view.clone();
        let settled = view.wait_for(|view| !matches!(view.availability, Availability::Coming));
        let timeout = self.call_timeout;
        let Ok(settled) = tokio::time::timeout(timeout, settled).await else { return Err(Error::CallTimeout(timeout)) };
        match settled.map(|view| view.availability.clone()) {
            Ok(Availability::Ready(instance)) => {
                let (server, views) = (registered.server.load(), self.views_of(id));
                let listing = instance.listing();
                // What is shown is accepted, though the list may not have been reported yet.
                views.quarantine.pin_first(&listing.tools);
                Ok(views.permitted(&listing, &server).tools.clone())
            }
            Ok(down @ Availability::Down(_)) => Err(unavailable(&down)),
            Ok(Availability::Coming) | Err(_) => Err(Error::NotFound(Noun::Server)),
        }
    }

    /// True if callers may see a tool; where they may not, the call of `who` is in the audit log as denied.
    pub(crate) fn permits(&self, who: &Principal, server: &Registered, tool: &str) -> bool {
        let is_permitted = tools::permit(&server.server.load().config.tools, tool);
        if !is_permitted {
            let entry = AuditEntry::by(who, "tool.call", server.id, Outcome::Denied);
            self.access.entries().record_denied(entry.with_detail(format!("the tool {tool}")));
        }
        is_permitted
    }

    /// Warnings about items of a server's last listing that not every client takes, and what became of them; and about
    /// texts that speak to the model.
    pub(crate) fn warnings(&self, server: &Registered) -> Arc<[String]> {
        let Some(source) = server.link.listing() else { return Arc::default() };
        let (views, config) = (self.views_of(server.id), server.server.load_full());
        let warnings = views.warnings(&source, &config);
        let shadowing = self.shadowing(server, &views.permitted(&source, &config));
        if shadowing.is_empty() { warnings } else { warnings.iter().chain(&*shadowing).cloned().collect() }
    }

    /// Stores the new listing of a server for the next run, after its pins, and warns of what is wrong with it.
    pub(crate) async fn store(&self, id: ServerId, listing: &Arc<Listing>) -> Result<()> {
        let Some(registered) = self.registry.get(id) else { return Ok(()) };
        self.forget_tool_names();
        self.review(&registered, listing).await?;
        let warnings = self.views_of(id).warnings(listing, &registered.server.load());
        if !warnings.is_empty() {
            log::warn!(server:% = id, warnings = warnings.len(); "a listing has what clients refuse, or what speaks to the model");
            warnings.iter().for_each(|warning| self.registry.warn(id, warning));
        }
        let text = serde_json::to_string(listing);
        let text = text.map_err(|_| Error::Internal("a listing cannot be written as JSON".into()))?;
        if text.len() > STORED_BYTES_MAX {
            log::warn!(server:% = id, bytes = text.len(); "a listing is too long to be stored");
            self.registry.warn(id, "what it lists is too long to be kept for the next run");
            return Ok(());
        }
        let (sealed, at) = (self.keyring.seal(&context::listing(id), &text)?, Timestamp::now());
        self.recorder.commit(None, move |db| store::listings::put(db, id, &sealed, at)).await
    }

    /// Opens a listing that an earlier run stored. Where that cannot be read, the server is as good as new.
    pub(crate) fn open(&self, id: ServerId, sealed: &str) -> Option<Arc<Listing>> {
        let text = self.keyring.open(&context::listing(id), sealed).ok()?;
        let read = serde_json::from_str(&text);
        read.inspect_err(|_| log::warn!(server:% = id; "a stored listing cannot be read")).ok().map(Arc::new)
    }

    /// Drops the views of a server that is removed.
    pub(crate) fn forget(&self, id: ServerId) {
        self.views.lock().remove(&id);
        self.forget_tool_names();
    }

    fn listed(&self, registered: &Registered, listing: Option<Arc<Listing>>) -> ListedServer {
        let server = registered.server.load();
        let source = registered.link.listing();
        let annotated = source.map(|source| self.views_of(registered.id).annotated(&source, &server));
        ListedServer {
            id: registered.id,
            name: server.config.name.clone(),
            listing,
            annotated: annotated.unwrap_or_default(),
            quarantined: self.waiting(registered).into_iter().map(|change| change.name).collect(),
            is_up: matches!(registered.link.view.borrow().availability, Availability::Ready(_)),
            isolation: server.config.isolation,
        }
    }

    /// The last listing of a server, without tools that callers may not see.
    fn permitted(&self, registered: &Registered) -> Option<Arc<Listing>> {
        let source = registered.link.listing()?;
        Some(self.views_of(registered.id).permitted(&source, &registered.server.load()))
    }

    fn views_of(&self, id: ServerId) -> Arc<VisibleTools> {
        match self.views.lock().entry(id) {
            Entry::Occupied(views) => views.get().clone(),
            // A request may outlive its server, whose views must not come back once they are forgotten.
            Entry::Vacant(_) if self.registry.get(id).is_none() => Arc::default(),
            Entry::Vacant(place) => place.insert(Arc::default()).clone(),
        }
    }
}

fn unavailable(availability: &Availability) -> Error {
    let reason = match availability {
        Availability::Down(reason) => reason.clone(),
        Availability::Ready(_) | Availability::Coming => "it is starting".into(),
    };
    Error::ServerUnavailable(reason)
}
