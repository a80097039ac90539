//! Warnings about tools whose descriptions name tools of other servers of the same owner.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::Listings;
use crate::{
    mcp::Members,
    model::{Listing, ServerId, UserId},
    policy::{payload, shadowing, tool_flags},
    registry::Registered,
};

/// Warnings about one server: its descriptions may name all tools there are.
const WARNINGS_MAX: usize = 8;

/// Bytes of a name in a warning.
const NAME_BYTES_MAX: usize = 100;

/// Names of tools that stand in no text by chance, and the servers that list them, by the owner of these.
pub(super) type ToolNames = HashMap<UserId, HashMap<String, HashSet<ServerId>>>;

/// Warnings about a listing, and what they were computed from.
pub(super) struct Shadowing {
    listing: Arc<Listing>,
    names: Arc<ToolNames>,
    warnings: Arc<[String]>,
}

impl Listings {
    /// Warnings about descriptions of the tools in `listing` that name tools which other servers alone have.
    pub(super) fn shadowing(&self, server: &Registered, listing: &Arc<Listing>) -> Arc<[String]> {
        let (views, names) = (self.views_of(server.id), self.tool_names());
        let is_current =
            |last: &Arc<Shadowing>| Arc::ptr_eq(&last.listing, listing) && Arc::ptr_eq(&last.names, &names);
        if let Some(last) = views.shadowing.load_full().filter(is_current) {
            return last.warnings.clone();
        }
        let owner = server.server.load().user_id;
        let named = names.get(&owner).map_or_else(Vec::new, |names| warnings(server.id, listing, names));
        let warnings: Arc<[String]> = named.into();
        let last = Shadowing { listing: listing.clone(), names, warnings: warnings.clone() };
        views.shadowing.store(Some(Arc::new(last)));
        warnings
    }

    /// Notes that a server lists other tools than before, or is gone.
    pub(super) fn forget_tool_names(&self) {
        self.names.store(None);
    }

    fn tool_names(&self) -> Arc<ToolNames> {
        self.names.load_full().unwrap_or_else(|| {
            let mut names = ToolNames::new();
            for server in self.registry.all().values() {
                let Some(listing) = server.link.listing() else { continue };
                let of_owner = names.entry(server.server.load().user_id).or_default();
                let listed = listing.tools.iter().filter_map(|tool| Members::parse(tool).ok()?.text("name"));
                for name in listed.filter(|name| shadowing::is_distinctive(name)) {
                    of_owner.entry(name).or_default().insert(server.id);
                }
            }
            let names = Arc::new(names);
            self.names.store(Some(names.clone()));
            names
        })
    }
}

fn warnings(id: ServerId, listing: &Listing, names: &HashMap<String, HashSet<ServerId>>) -> Vec<String> {
    let is_foreign = |word: &str| names.get(word).is_some_and(|servers| !servers.contains(&id));
    let warning = |members: Members| {
        let description = members.text("description")?;
        let foreign = shadowing::named(&description, is_foreign)?;
        let name = tool_flags::visible(&members.text("name").unwrap_or_default());
        let name = payload::shortened(&name, NAME_BYTES_MAX);
        Some(format!("the tool {name}: /description names {foreign}, a tool of another server"))
    };
    let tools = listing.tools.iter().filter_map(|tool| Members::parse(tool).ok());
    tools.filter_map(warning).take(WARNINGS_MAX).collect()
}
