//! Names of all tools, and warnings about descriptions that name tools of other servers of the same owner.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    mcp::Members,
    model::{Listing, ServerId, UserId},
    policy::{payload, shadowing, tool_flags},
    registry::Registry,
};

/// Warnings about one server: its descriptions may name all tools there are.
const WARNINGS_MAX: usize = 8;

/// Bytes of a name in a warning.
const NAME_BYTES_MAX: usize = 100;

/// Names of tools that stand in no text by chance, and the servers that list them, by the owner of these.
pub(super) struct ToolNames(HashMap<UserId, HashMap<String, HashSet<ServerId>>>);

/// Warnings about a listing, and what they were computed from.
pub(super) struct Shadowing {
    pub(super) listing: Arc<Listing>,
    pub(super) names: Arc<ToolNames>,
    pub(super) warnings: Arc<[String]>,
}

impl ToolNames {
    /// Names in the last listings of all servers.
    pub(super) fn of(registry: &Registry) -> Self {
        let mut names = HashMap::<_, HashMap<_, HashSet<_>>>::new();
        for server in registry.all().values() {
            let Some(listing) = server.link.listing() else { continue };
            let of_owner = names.entry(server.server.load().user_id).or_default();
            let listed = listing.tools.iter().filter_map(|tool| Members::parse(tool).ok()?.text("name"));
            for name in listed.filter(|name| shadowing::is_distinctive(name)) {
                of_owner.entry(name).or_default().insert(server.id);
            }
        }
        Self(names)
    }

    /// Warnings about descriptions of the tools of a server that name tools which only other servers of `owner` have.
    pub(super) fn warnings(&self, id: ServerId, owner: UserId, listing: &Listing) -> Arc<[String]> {
        let Some(names) = self.0.get(&owner) else { return Arc::default() };
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
}
