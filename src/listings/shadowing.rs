//! Warnings about tools whose descriptions name tools of other servers, computed once for each change of a listing.

use std::sync::Arc;

use super::{
    Listings,
    tool_names::{Shadowing, ToolNames},
};
use crate::{model::Listing, registry::Registered};

impl Listings {
    /// Warnings about descriptions of the tools in `listing` that name tools which other servers alone have.
    pub(super) fn shadowing(&self, server: &Registered, listing: &Arc<Listing>) -> Arc<[String]> {
        let (views, names) = (self.views_of(server.id), self.tool_names());
        let is_current =
            |last: &Arc<Shadowing>| Arc::ptr_eq(&last.listing, listing) && Arc::ptr_eq(&last.names, &names);
        if let Some(last) = views.shadowing.load_full().filter(is_current) {
            return last.warnings.clone();
        }
        let warnings = names.warnings(server.id, server.server.load().user_id, listing);
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
            let names = Arc::new(ToolNames::of(&self.registry));
            self.names.store(Some(names.clone()));
            names
        })
    }
}
