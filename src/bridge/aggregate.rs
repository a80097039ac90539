//! The aggregated lists of a user's servers, under names that carry the server.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::{fault, resource_index::ResourceIndex};
use crate::{
    bridge::{Conversation, LinkedResources, linked_resources::LINKED_URI_BYTES_MAX},
    listings::ListedServer,
    mcp::{Members, convert, prefix},
    model::{Listing, ServerId, UserId},
};

/// Time that a list waits for a server that has never listed anything.
const FIRST_LISTING_TIMEOUT: Duration = Duration::from_secs(3);

/// Every server of a user.
pub(super) struct AggregatedLists {
    /// Oldest first: an older server keeps its resource URIs when a newer one lists the same.
    servers: Vec<AggregatedServer>,
    index: OnceLock<ResourceIndex>,
    user: UserId,
    linked: Arc<LinkedResources>,
}

/// A server in the aggregate, with the prefix of its names.
pub(super) struct AggregatedServer {
    pub listed: ListedServer,
    slug: String,
}

impl AggregatedLists {
    /// The listings as of now.
    pub(super) fn current(conversation: &Conversation) -> Result<Self, Arc<RawValue>> {
        let mut servers = conversation.runtime.listings().servers(&conversation.who).map_err(fault::of_error)?;
        servers.sort_by_key(|listed| listed.id);
        let ids: Vec<_> = servers.iter().map(|listed| listed.id.to_string()).collect();
        let slugs =
            prefix::slugs(ids.iter().map(String::as_str).zip(servers.iter().map(|listed| listed.name.as_str())));
        let servers = servers.into_iter().zip(slugs).map(|(listed, slug)| AggregatedServer { listed, slug }).collect();
        Ok(Self {
            servers,
            index: OnceLock::new(),
            user: conversation.who.user_id,
            linked: conversation.linked.clone(),
        })
    }

    /// The listings, after waiting for servers that never listed anything; a server that cannot list is left out. Wakes
    /// none: each list would wait for those that are away for good.
    pub(super) async fn complete(conversation: &Conversation) -> Result<Self, Arc<RawValue>> {
        let all = Self::current(conversation)?;
        let unlisted: Vec<_> = all.servers.iter().filter(|server| server.listed.listing.is_none()).collect();
        if unlisted.is_empty() {
            return Ok(all);
        }
        join_all(unlisted.iter().map(|server| {
            timeout(FIRST_LISTING_TIMEOUT, conversation.runtime.listings().listing(&conversation.who, server.listed.id))
        }))
        .await;
        Self::current(conversation)
    }

    /// Runs `find`, and once more after waiting for servers that never listed anything.
    pub(super) async fn find<T>(
        conversation: &Conversation,
        find: impl Fn(&Self) -> Option<T>,
    ) -> Result<Option<T>, Arc<RawValue>> {
        let all = Self::current(conversation)?;
        match find(&all) {
            None if all.servers.iter().any(|server| server.listed.listing.is_none()) => {
                Ok(find(&Self::complete(conversation).await?))
            }
            found => Ok(found),
        }
    }

    pub(super) fn servers(&self) -> impl Iterator<Item = &AggregatedServer> {
        self.servers.iter()
    }

    /// Every tool, under the tool rules of its server's owner.
    pub(super) fn tools(&self) -> Vec<Arc<RawValue>> {
        self.items(
            |listing| &listing.tools,
            |server, tool| {
                convert::name_properties(tool);
                convert::rename_page(tool, &mut |uri| self.client_uri(server.listed.id, uri));
            },
        )
    }

    /// Every prompt.
    pub(super) fn prompts(&self) -> Vec<Arc<RawValue>> {
        self.items(|listing| &listing.prompts, |_, _| {})
    }

    /// The server that has a tool, and the tool's name there.
    pub(super) fn find_tool(&self, name: &str) -> Option<(ListedServer, String)> {
        self.named(name, |listing| &listing.tools).or_else(|| self.quarantined(name))
    }

    /// The server that has a tool which waits to be accepted, and the tool's name there: a call says why it is refused.
    fn quarantined(&self, prefixed: &str) -> Option<(ListedServer, String)> {
        let slug = prefix::slug_of(prefixed)?;
        let server = self.servers.iter().find(|server| server.slug == slug)?;
        let name = server.listed.quarantined.iter().find(|name| prefix::prefixed(slug, name) == prefixed)?;
        Some((server.listed.clone(), name.clone()))
    }

    /// The server that has a prompt, and the prompt's name there.
    pub(super) fn find_prompt(&self, name: &str) -> Option<(ListedServer, String)> {
        self.named(name, |listing| &listing.prompts)
    }

    /// Every resource. Where two servers list one URI, that of the later server is prefixed.
    pub(super) fn resources(&self) -> Vec<Arc<RawValue>> {
        self.by_uri("uri", |listing| &listing.resources)
    }

    /// Every resource template.
    pub(super) fn templates(&self) -> Vec<Arc<RawValue>> {
        self.by_uri("uriTemplate", |listing| &listing.templates)
    }

    /// The server that has a resource, and its URI there: a server that lists it, else one that shows a tool with it,
    /// else one with a template that fits, else one that linked to it. A template counts as a URI too, as it is one in
    /// a reference.
    pub(super) fn find_resource(&self, uri: &str) -> Option<(ListedServer, String)> {
        if let Some((slug, original)) = prefix::split_uri(uri)
            && let Some(server) = self.servers.iter().find(|server| server.slug == slug)
        {
            return Some((server.listed.clone(), original.to_owned()));
        }
        let index = self
            .index
            .get_or_init(|| ResourceIndex::of(self.servers.iter().map(|server| server.listed.listing.as_deref())));
        let linked = || {
            let linked = self.linked.server_of(self.user, uri)?;
            self.servers.iter().position(|server| server.listed.id == linked)
        };
        let server = self.servers.get(index.find(uri).or_else(linked)?)?;
        Some((server.listed.clone(), uri.to_owned()))
    }

    /// The URI that leads clients to a server's resource, where its own leads elsewhere. Where that leads nowhere, it
    /// leads there from now on: not all that servers link to is in their lists.
    pub(super) fn client_uri(&self, server: ServerId, uri: &str) -> Option<String> {
        if uri.len() > LINKED_URI_BYTES_MAX {
            return None;
        }
        match self.find_resource(uri) {
            Some((listed, original)) if listed.id == server && original == uri => None,
            Some(_) => {
                let server = self.servers.iter().find(|one| one.listed.id == server)?;
                Some(prefix::prefixed_uri(&server.slug, uri))
            }
            None => {
                self.linked.add(self.user, uri, server);
                None
            }
        }
    }

    /// The items of a list under their names for clients, each changed by `change`.
    fn items(
        &self,
        list: impl Fn(&Listing) -> &Vec<Arc<RawValue>>,
        change: impl Fn(&AggregatedServer, &mut Members),
    ) -> Vec<Arc<RawValue>> {
        let mut items = Vec::new();
        for (server, item) in self.each(&list) {
            let Ok(mut members) = Members::parse(item) else { continue };
            let Some(name) = members.text("name") else { continue };
            members.set("name", convert::text(&prefix::prefixed(&server.slug, &name)));
            change(server, &mut members);
            items.push(Arc::from(members.to_raw()));
        }
        items
    }

    fn by_uri(&self, member: &str, list: impl Fn(&Listing) -> &Vec<Arc<RawValue>>) -> Vec<Arc<RawValue>> {
        let (mut items, mut seen) = (Vec::new(), BTreeSet::new());
        for (server, item) in self.each(&list) {
            let Some(uri) = convert::member(item, member) else { continue };
            if seen.insert(uri.clone()) {
                items.push(item.clone());
            } else if let Ok(mut members) = Members::parse(item) {
                members.set(member, convert::text(&prefix::prefixed_uri(&server.slug, &uri)));
                items.push(Arc::from(members.to_raw()));
            }
        }
        items
    }

    fn named(&self, prefixed: &str, list: impl Fn(&Listing) -> &Vec<Arc<RawValue>>) -> Option<(ListedServer, String)> {
        let slug = prefix::slug_of(prefixed)?;
        let server = self.servers.iter().find(|server| server.slug == slug)?;
        let mut names = list(server.listed.listing.as_deref()?).iter().filter_map(|item| convert::name(item));
        names.find(|name| prefix::prefixed(slug, name) == prefixed).map(|name| (server.listed.clone(), name))
    }

    /// The items of a list, each with its server.
    fn each<'a>(
        &'a self,
        list: &'a impl Fn(&Listing) -> &Vec<Arc<RawValue>>,
    ) -> impl Iterator<Item = (&'a AggregatedServer, &'a Arc<RawValue>)> {
        let listed = move |server: &'a AggregatedServer| {
            server.listed.listing.as_deref().into_iter().flat_map(list).map(move |item| (server, item))
        };
        self.servers.iter().flat_map(listed)
    }
}
