//! Pins: a tool that is not as it was accepted is neither shown to MCP clients nor called, until it is accepted.
//!
//! The first tools that a server lists are accepted with it. Pins are those of the server, whichever process lists.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{Listings, STORED_BYTES_MAX, tool_rules};
use crate::{
    error::{Error, Result, below},
    events::LiveEvent,
    model::{
        AcceptedTool, AuditEntry, Listing, Outcome, Principal, ServerId, TimelineLevel, Timestamp, ToolChange,
        ToolPinning,
    },
    policy::{
        audit_quota::EntryKind,
        permission,
        pins::{self, Definition, Pins},
        tools,
    },
    registry::Registered,
    secrets::context,
    store,
    supervisor::{ServerInstance, messages::ServerEvent},
};

/// The name of an acceptance in the audit log.
pub(crate) const ACCEPT: &str = "tool.accept";

impl Listings {
    /// Tools of a server that wait to be accepted, each with its differences from what was accepted.
    pub fn tool_changes(&self, who: &Principal, id: ServerId) -> Result<Vec<ToolChange>> {
        let server = self.registry.reach(who, id, permission::USES, "server.tools")?;
        Ok(self.waiting(&server))
    }

    /// Accepts tools as they were looked at, one after the other; returns those that still wait. `Conflict` where one
    /// has changed since.
    ///
    /// ```no_run
    /// # async fn accept(runtime: ostler::Runtime, id: ostler::model::ServerId) -> ostler::Result<()> {
    /// use ostler::model::AcceptedTool;
    ///
    /// let me = runtime.embedder();
    /// for change in runtime.listings().tool_changes(me, id)? {
    ///     println!("{}: {:?}", change.name, change.differences);
    ///     runtime.listings().accept_tools(me, id, vec![AcceptedTool::of(&change)]).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn accept_tools(
        self: &Arc<Self>,
        who: &Principal,
        id: ServerId,
        accepted: Vec<AcceptedTool>,
    ) -> Result<Vec<ToolChange>> {
        let server = self.registry.reach(who, id, permission::WRITES, ACCEPT)?;
        let (listings, who) = (self.clone(), who.clone());
        self.recorder
            .run_to_completion(async move {
                let views = listings.views_of(id);
                let _alone = views.quarantine.changing.lock().await;
                for (index, tool) in accepted.iter().enumerate() {
                    let definition = listings.definition(&server, tool, index)?;
                    listings.accept(&who, &server, &definition).await?;
                }
                // There may be no listener.
                let _ = server.link.server_events.send(ServerEvent::ListChanged("tools"));
                listings.publish_waiting(&server);
                Ok(listings.waiting(&server))
            })
            .await
    }

    /// Tools of a server that wait to be accepted; checks no permission.
    pub(crate) fn waiting(&self, server: &Registered) -> Vec<ToolChange> {
        let (views, config) = (self.views_of(server.id), server.server.load_full());
        let source = server.link.listing();
        let mut waiting = source.map_or_else(Vec::new, |source| views.waiting(&source, &config).to_vec());
        let pins = views.quarantine.pins();
        let Some(pins) = tool_rules::in_force(&config.config.tools, &pins) else { return waiting };
        let isolated = views.quarantine.isolated().into_iter().filter_map(|definition| pins.change(&definition));
        for change in isolated.filter(|change| tools::permit(&config.config.tools, &change.name)) {
            if waiting.iter().all(|one| one.name != change.name) {
                waiting.push(change);
            }
        }
        waiting
    }

    /// The reason why a process may not be asked to call a tool that it lists; `None` where it may.
    pub(crate) fn refusal(&self, server: &Registered, tool: &str, instance: &ServerInstance) -> Option<String> {
        let (config, views) = (server.server.load(), self.views_of(server.id));
        let pins = views.quarantine.pins();
        if pins.is_empty() {
            // What is called is accepted, though the list may not have been reported yet.
            views.quarantine.pin_first(&instance.tools());
        }
        tool_rules::in_force(&config.config.tools, &pins)?.refusal(tool, &instance.definitions())
    }

    /// The result of a `tools/list` of a server without tools that callers may not see.
    pub(crate) fn permitted_page(&self, server: &Registered, page: Arc<RawValue>) -> Arc<RawValue> {
        let (config, pins) = (server.server.load(), self.views_of(server.id).quarantine.pins());
        let rules = &config.config.tools;
        tool_rules::permitted_page(rules, tool_rules::in_force(rules, &pins), page)
    }

    /// Gives a loaded server its pins; one that has none is pinned to what it listed in an earlier run.
    pub(crate) fn load_pins(&self, server: &Registered, stored: Option<Pins>) {
        self.forget_tool_names();
        let (views, listing) = (self.views_of(server.id), server.link.listing());
        let stored = stored.filter(|pins| !pins.is_empty());
        if stored.is_some() {
            views.quarantine.set_stored();
        }
        if let Some(pins) = stored.or_else(|| listing.as_ref().map(|listing| Pins::of(&*listing.tools))) {
            views.quarantine.set_pins(pins);
        }
        // What waited in the earlier run is on record.
        if let Some(listing) = listing {
            views.quarantine.unrecorded(&views.waiting(&listing, &server.server.load_full()));
        }
    }

    /// Opens stored pins.
    pub(crate) fn open_pins(&self, id: ServerId, sealed: &str) -> Option<Pins> {
        let text = self.keyring.open(&context::pins(id), sealed).ok();
        let pins = text.and_then(|text| serde_json::from_str(&text).ok());
        if pins.is_none() {
            log::warn!(server:% = id; "stored pins of tools cannot be read");
        }
        pins
    }

    /// Pins the first tools of a server, follows one that its owner has followed, and puts tools that are quarantined
    /// on record.
    pub(crate) async fn review(&self, server: &Arc<Registered>, listing: &Arc<Listing>) -> Result<()> {
        let (views, config) = (self.views_of(server.id), server.server.load_full());
        let _alone = views.quarantine.changing.lock().await;
        views.quarantine.pin_first(&listing.tools);
        let (before, now) = (views.quarantine.pins(), Pins::of(&*listing.tools));
        let is_followed = config.config.tools.changes == ToolPinning::Follow && *before != now;
        if is_followed {
            server.link.add_note(TimelineLevel::Info, "its tools changed, and are followed");
            views.quarantine.set_pins(now);
        }
        if is_followed || !(before.is_empty() || views.quarantine.is_stored()) {
            self.store_pins(None, server.id, &views.quarantine.pins()).await?;
            views.quarantine.set_stored();
        }
        let waiting = views.waiting(listing, &config);
        self.record(server, views.quarantine.unrecorded(&waiting)).await
    }

    /// Puts tools on record that a process of one caller lists, and that were not accepted.
    pub(crate) async fn review_isolated(&self, id: ServerId, listing: &Listing) -> Result<()> {
        let Some(server) = self.registry.get(id) else { return Ok(()) };
        let (views, config) = (self.views_of(id), server.server.load_full());
        let pins = views.quarantine.pins();
        let Some(pins) = tool_rules::in_force(&config.config.tools, &pins) else { return Ok(()) };
        let known = server.link.listing().map(|source| views.waiting(&source, &config)).unwrap_or_default();
        let is_known =
            |change: &ToolChange| known.iter().any(|one| (&one.name, &one.hash) == (&change.name, &change.hash));
        let definitions = pins::definitions(&*listing.tools).into_values();
        let foreign = definitions.filter(|definition| pins.change(definition).is_some_and(|change| !is_known(&change)));
        let fresh = views.quarantine.keep_isolated(foreign);
        self.record(&server, fresh.iter().filter_map(|definition| pins.change(definition)).collect()).await
    }

    /// The definition that a caller looked at, if the tool still has it.
    fn definition(&self, server: &Registered, tool: &AcceptedTool, index: usize) -> Result<Definition> {
        let listed = server.link.listing().map(|listing| pins::definitions(&*listing.tools)).unwrap_or_default();
        let isolated = self.views_of(server.id).quarantine.isolated();
        let mut named =
            listed.into_values().chain(isolated).filter(|definition| definition.name == tool.name).peekable();
        if named.peek().is_none() {
            let pointer = below(&below("/tools", &index.to_string()), "name");
            return Err(Error::invalid(pointer, "the server lists no tool of this name"));
        }
        let seen = named.find(|definition| definition.hash() == tool.hash);
        seen.ok_or_else(|| Error::Conflict(format!("the tool {} has changed since; look at it again", tool.name)))
    }

    async fn accept(&self, who: &Principal, server: &Registered, definition: &Definition) -> Result<()> {
        let quarantine = &self.views_of(server.id).quarantine;
        let mut pins = Pins::clone(&quarantine.pins());
        let Some(change) = pins.change(definition) else { return Ok(()) };
        let entry = self.access.change(who, ACCEPT, server.id)?.with_detail(pins::described(&change));
        pins.accept(definition);
        self.store_pins(Some(entry), server.id, &pins).await?;
        quarantine.set_stored();
        quarantine.set_pins(pins);
        server.link.add_note(TimelineLevel::Info, &format!("{}: accepted by {}", pins::described(&change), who.email));
        Ok(())
    }

    pub(super) async fn store_pins(&self, entry: Option<AuditEntry>, id: ServerId, pins: &Pins) -> Result<()> {
        let written = |pins: &Pins| serde_json::to_string(pins).unwrap_or_default();
        let text = Some(written(pins)).filter(|text| text.len() <= STORED_BYTES_MAX);
        let text = text.unwrap_or_else(|| written(&pins.without_definitions()));
        let (sealed, at) = (self.keyring.seal(&context::pins(id), &text)?, Timestamp::now());
        self.recorder.commit(entry, move |db| store::pins::put(db, id, &sealed, at)).await
    }

    /// Puts tools that are in quarantine from now on on record.
    async fn record(&self, server: &Arc<Registered>, changes: Vec<ToolChange>) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        log::warn!(server:% = server.id, tools = changes.len(); "tools are not as they were accepted");
        self.telemetry.metrics().tools_quarantined(changes.len());
        self.publish_waiting(server);
        let owner = Some(server.server.load().user_id);
        for change in changes {
            let detail = pins::described(&change);
            server.link.add_note(TimelineLevel::Warn, &format!("{detail}; it waits to be accepted"));
            let entry = AuditEntry::by_ostler("tool.quarantine", server.id, Outcome::Success).with_detail(detail);
            self.access.entries().record_or_count(EntryKind::Server, owner, entry).await?;
        }
        Ok(())
    }

    pub(super) fn publish_waiting(&self, server: &Registered) {
        let waiting = self.waiting(server).len();
        self.events.publish_about_server(server.id, LiveEvent::Tools { server_id: server.id, waiting });
    }
}
