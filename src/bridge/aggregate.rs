//! What all servers of a user offer, under names that tell whose it is.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::fault;
use crate::{
    bridge::Conversation,
    mcp::{Members, convert, prefix, template},
    model::Catalogue,
    runtime::Offer,
};

/// How long a list waits for a server that has never said what it offers.
const PATIENCE: Duration = Duration::from_secs(3);

/// All servers of a user, oldest first.
pub(super) struct Together(Vec<Part>);

/// One of them.
pub(super) struct Part {
    pub offer: Offer,
    slug: String,
}

impl Together {
    /// As of now.
    pub fn of(conversation: &Conversation) -> Result<Self, Arc<RawValue>> {
        let mut offers = conversation.runtime.offers(&conversation.who).map_err(fault::of_error)?;
        offers.sort_by_key(|offer| offer.id);
        let ids: Vec<_> = offers.iter().map(|offer| offer.id.to_string()).collect();
        let slugs = prefix::slugs(ids.iter().map(String::as_str).zip(offers.iter().map(|offer| offer.name.as_str())));
        Ok(Self(offers.into_iter().zip(slugs).map(|(offer, slug)| Part { offer, slug }).collect()))
    }

    /// The same, once those have spoken that never did; those that cannot are left out.
    pub async fn spoken(conversation: &Conversation) -> Result<Self, Arc<RawValue>> {
        let mut all = Self::of(conversation)?;
        let silent = all.0.iter_mut().filter(|part| part.offer.catalogue.is_none());
        join_all(silent.map(async |part| {
            let catalogue = conversation.runtime.catalogue(&conversation.who, part.offer.id);
            part.offer.catalogue = timeout(PATIENCE, catalogue).await.ok().and_then(Result::ok);
        }))
        .await;
        Ok(all)
    }

    /// What `find` finds, if need be once those have spoken that never did.
    pub async fn find<T>(
        conversation: &Conversation,
        find: impl Fn(&Self) -> Option<T>,
    ) -> Result<Option<T>, Arc<RawValue>> {
        let all = Self::of(conversation)?;
        match find(&all) {
            None if all.0.iter().any(|part| part.offer.catalogue.is_none()) => {
                Ok(find(&Self::spoken(conversation).await?))
            }
            found => Ok(found),
        }
    }

    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.0.iter()
    }

    /// Every tool, described as its server's owner wants it.
    pub fn tools(&self) -> Vec<Arc<RawValue>> {
        self.items(|catalogue| &catalogue.tools)
    }

    /// Every prompt.
    pub fn prompts(&self) -> Vec<Arc<RawValue>> {
        self.items(|catalogue| &catalogue.prompts)
    }

    /// The server that has a tool, and the name it knows.
    pub fn find_tool(&self, name: &str) -> Option<(Offer, String)> {
        self.named(name, |catalogue| &catalogue.tools)
    }

    /// The server that has a prompt, and the name it knows.
    pub fn find_prompt(&self, name: &str) -> Option<(Offer, String)> {
        self.named(name, |catalogue| &catalogue.prompts)
    }

    /// Every resource; where two servers have one of the same URI, the later server's has another.
    pub fn resources(&self) -> Vec<Arc<RawValue>> {
        self.by_uri("uri", |catalogue| &catalogue.resources)
    }

    /// Every template of resources.
    pub fn templates(&self) -> Vec<Arc<RawValue>> {
        self.by_uri("uriTemplate", |catalogue| &catalogue.templates)
    }

    /// The server that has a resource, and the URI it knows: one that lists it, else one with a template for it. A
    /// template counts as a URI too, as it is one in a reference.
    pub fn find_resource(&self, uri: &str) -> Option<(Offer, String)> {
        if let Some((slug, own)) = prefix::split_uri(uri)
            && let Some(part) = self.0.iter().find(|part| part.slug == slug)
        {
            return Some((part.offer.clone(), own.to_owned()));
        }
        let lists = |part: &&Part| {
            let listed = |items: &[Arc<RawValue>], name| {
                items.iter().any(|item| convert::member(item, name).as_deref() == Some(uri))
            };
            part.offer.catalogue.as_ref().is_some_and(|catalogue| {
                listed(&catalogue.resources, "uri") || listed(&catalogue.templates, "uriTemplate")
            })
        };
        let makes = |part: &&Part| {
            let templates = part.offer.catalogue.iter().flat_map(|catalogue| catalogue.templates.iter());
            templates.filter_map(|item| convert::member(item, "uriTemplate")).any(|one| template::fits(&one, uri))
        };
        let part = self.0.iter().find(lists).or_else(|| self.0.iter().find(makes))?;
        Some((part.offer.clone(), uri.to_owned()))
    }

    fn items(&self, list: impl Fn(&Catalogue) -> &Vec<Arc<RawValue>>) -> Vec<Arc<RawValue>> {
        let mut items = Vec::new();
        for (part, item) in self.each(&list) {
            let Ok(mut members) = Members::parse(item) else { continue };
            let Some(name) = members.text("name") else { continue };
            members.set("name", convert::text(&prefix::prefixed(&part.slug, &name)));
            items.push(Arc::from(members.to_raw()));
        }
        items
    }

    fn by_uri(&self, member: &str, list: impl Fn(&Catalogue) -> &Vec<Arc<RawValue>>) -> Vec<Arc<RawValue>> {
        let (mut items, mut seen) = (Vec::new(), BTreeSet::new());
        for (part, item) in self.each(&list) {
            let Some(uri) = convert::member(item, member) else { continue };
            if seen.insert(uri.clone()) {
                items.push(item.clone());
            } else if let Ok(mut members) = Members::parse(item) {
                members.set(member, convert::text(&prefix::prefixed_uri(&part.slug, &uri)));
                items.push(Arc::from(members.to_raw()));
            }
        }
        items
    }

    fn named(&self, prefixed: &str, list: impl Fn(&Catalogue) -> &Vec<Arc<RawValue>>) -> Option<(Offer, String)> {
        let slug = prefix::slug_of(prefixed)?;
        let part = self.0.iter().find(|part| part.slug == slug)?;
        let mut names = list(part.offer.catalogue.as_deref()?).iter().filter_map(|item| convert::name(item));
        names.find(|name| prefix::prefixed(slug, name) == prefixed).map(|name| (part.offer.clone(), name))
    }

    /// What each server lists, with the server.
    fn each<'a>(
        &'a self,
        list: &'a impl Fn(&Catalogue) -> &Vec<Arc<RawValue>>,
    ) -> impl Iterator<Item = (&'a Part, &'a Arc<RawValue>)> {
        let listed = move |part: &'a Part| {
            part.offer.catalogue.as_deref().into_iter().flat_map(list).map(move |item| (part, item))
        };
        self.0.iter().flat_map(listed)
    }
}
