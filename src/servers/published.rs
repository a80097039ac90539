//! Servers as a registry of MCP servers lists them, each at its own endpoint of Ostler.

use crate::{
    error::Result,
    model::{Page, PageRequest, Principal, ServerId, Timestamp},
    policy::permission,
    registry::Registered,
    servers::{details::ServerDetails, service::Servers},
};

/// Servers to be listed.
#[derive(Debug, Default)]
pub(crate) struct PublishedSearch {
    /// The part of the list.
    pub(crate) page: PageRequest,
    /// A part of their names.
    pub(crate) name: Option<String>,
    /// The time since which they have changed.
    pub(crate) updated_since: Option<Timestamp>,
}

impl Servers {
    /// The account whose servers anybody may list.
    pub(crate) fn published_as(&self) -> Option<&str> {
        self.settings.published_as.as_deref()
    }

    /// The servers that a caller may use, their own and those shared with them, oldest first.
    pub(crate) fn published(&self, who: &Principal, search: &PublishedSearch) -> Result<Page<ServerDetails>> {
        self.access.require_any(who, permission::USES, "server.list")?;
        let PublishedSearch { page, name, updated_since } = search;
        let name = name.as_ref().map(|name| name.to_lowercase());
        let fits = |registered: &Registered| {
            let server = registered.server.load();
            let is_named = |name: &String| server.config.name.to_lowercase().contains(name);
            name.as_ref().is_none_or(is_named) && updated_since.is_none_or(|since| server.updated_at >= since)
        };
        self.page(who, page, |registered| registered.is_of(who, permission::USES) && fits(registered))
    }

    /// A server that a caller may use.
    pub(crate) fn published_server(&self, who: &Principal, id: ServerId) -> Result<ServerDetails> {
        Ok(self.details(&*self.registry.reach(who, id, permission::USES, "server.read")?, who))
    }
}
