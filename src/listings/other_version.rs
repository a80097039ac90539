//! Tools of another version of a server, before and while it moves to that.

use std::{collections::HashSet, sync::Arc};

use serde_json::value::RawValue;

use super::Listings;
use crate::{
    error::Result,
    model::{ServerId, ToolChange},
    policy::pins::{self, Pins},
    registry::Registered,
};

impl Listings {
    /// The accepted tools of a server.
    pub(crate) fn accepted(&self, id: ServerId) -> Arc<Pins> {
        self.views_of(id).quarantine.pins()
    }

    /// The tools that are not as they were accepted, and the names of those that the server lists now and that are none
    /// of these.
    pub(crate) fn compared(&self, server: &Registered, tools: &[Arc<RawValue>]) -> (Vec<ToolChange>, Vec<String>) {
        let (pins, other) = (self.accepted(server.id), pins::definitions(tools));
        let changes = other.values().filter_map(|definition| pins.change(definition)).collect();
        let now = server.link.listing().map(|listing| pins::definitions(&*listing.tools)).unwrap_or_default();
        (changes, now.into_keys().filter(|name| !other.contains_key(name)).collect())
    }

    /// Names of the tools that a server lists as they were accepted, and that change nothing by their own word.
    pub(crate) fn read_only(&self, server: &Registered) -> HashSet<String> {
        let (pins, listing) = (self.accepted(server.id), server.link.listing());
        let tools = listing.map(|listing| pins::definitions(&*listing.tools)).unwrap_or_default();
        let is_wanted = |tool: &pins::Definition| tool.is_read_only() && pins.change(tool).is_none();
        tools.into_values().filter(is_wanted).map(|tool| tool.name).collect()
    }

    /// Accepts the tools of another version beside those accepted so far, until [`Listings::end_move`].
    pub(crate) async fn begin_move(&self, server: &Registered, other: &Pins) -> Result<()> {
        let quarantine = &self.views_of(server.id).quarantine;
        let _alone = quarantine.changing.lock().await;
        let moving = quarantine.pins().moving_to(other);
        self.store_pins(None, server.id, &moving).await?;
        quarantine.set_stored();
        quarantine.set_pins(moving);
        Ok(())
    }

    /// Accepts the tools of the other version alone from now on, or, where it was not moved to, those of `before`.
    pub(crate) async fn end_move(&self, server: &Registered, before: Option<&Pins>) -> Result<()> {
        let quarantine = &self.views_of(server.id).quarantine;
        let _alone = quarantine.changing.lock().await;
        if let Some(before) = before {
            self.store_pins(None, server.id, before).await?;
        }
        let pins = before.cloned().unwrap_or_else(|| quarantine.pins().moved());
        quarantine.set_pins(pins);
        self.publish_waiting(server);
        Ok(())
    }
}
