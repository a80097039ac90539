//! Servers by the resources that they list, show with tools, or make by templates.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::value::RawValue;

use crate::{
    mcp::{convert, template},
    model::Listing,
};

/// Steps of comparing URIs with the templates of one server, about 20 ms: more would keep other clients waiting.
const TEMPLATE_STEPS_MAX: usize = 10_000_000;

/// Places of servers by their resources; of several, the first.
#[derive(Default)]
pub(super) struct ResourceIndex {
    /// By URIs and templates, as one is a URI in a reference.
    listed: HashMap<String, usize>,
    pages: HashMap<String, usize>,
    templates: Vec<ServerTemplates>,
}

/// Templates of one server.
struct ServerTemplates {
    server: usize,
    templates: Vec<String>,
    steps_left: AtomicUsize,
}

impl ResourceIndex {
    /// An index of the listings of servers, in their order.
    pub(super) fn of<'a>(listings: impl Iterator<Item = Option<&'a Listing>>) -> Self {
        let mut index = Self::default();
        for (server, listing) in listings.enumerate() {
            let Some(listing) = listing else { continue };
            let named = |items: &[Arc<RawValue>], name: &str| -> Vec<String> {
                items.iter().filter_map(|item| convert::member(item, name)).collect()
            };
            let templates = named(&listing.templates, "uriTemplate");
            for uri in named(&listing.resources, "uri").into_iter().chain(templates.iter().cloned()) {
                index.listed.entry(uri).or_insert(server);
            }
            for page in listing.tools.iter().flat_map(|tool| convert::pages(tool)) {
                index.pages.entry(page).or_insert(server);
            }
            if !templates.is_empty() {
                let steps_left = AtomicUsize::new(TEMPLATE_STEPS_MAX);
                index.templates.push(ServerTemplates { server, templates, steps_left });
            }
        }
        index
    }

    /// The place of the server that has a resource.
    pub(super) fn find(&self, uri: &str) -> Option<usize> {
        let known = self.listed.get(uri).or_else(|| self.pages.get(uri));
        known.copied().or_else(|| self.templates.iter().find(|one| one.make(uri)).map(|one| one.server))
    }
}

impl ServerTemplates {
    /// True where one of them makes the URI; false for all once that takes too long.
    fn make(&self, uri: &str) -> bool {
        self.templates.iter().any(|template| {
            let literal = template.split_once('{').map_or(template.as_str(), |(literal, _)| literal);
            uri.starts_with(literal)
                && self.spend(template.len().saturating_mul(uri.len()))
                && template::fits(template, uri)
        })
    }

    fn spend(&self, steps: usize) -> bool {
        let spent = self.steps_left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(steps));
        spent.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(resources: &[&str], templates: &[&str], tools: &[&str]) -> Listing {
        let items = |items: &[&str]| Arc::new(items.iter().map(|item| convert::raw((*item).to_owned())).collect());
        Listing { resources: items(resources), templates: items(templates), tools: items(tools), ..Listing::default() }
    }

    #[test]
    fn a_resource_is_that_of_the_first_server_that_lists_it_else_shows_it_else_makes_it() {
        let one = listing(&[r#"{"uri":"a:1"}"#], &[r#"{"uriTemplate":"t:{x}"}"#], &[]);
        let page = r#"{"_meta":{"ui":{"resourceUri":"ui://p"}}}"#;
        let two = listing(&[r#"{"uri":"a:1"}"#, r#"{"uri":"t:2"}"#], &[r#"{"uriTemplate":"t:{x}"}"#], &[page]);
        let index = ResourceIndex::of([None, Some(&one), Some(&two)].into_iter());
        let found = ["a:1", "t:2", "t:3", "t:{x}", "ui://p", "b:1"].map(|uri| index.find(uri));
        assert_eq!(found, [Some(1), Some(2), Some(1), Some(1), Some(2), None]);
    }

    #[test]
    fn templates_of_one_server_that_take_too_long_hinder_no_other() {
        let slow = format!(r#"{{"uriTemplate":"{}!"}}"#, "{a}".repeat(1000));
        let (one, two) =
            (listing(&[], &vec![slow.as_str(); 100], &[]), listing(&[], &[r#"{"uriTemplate":"x{+y}"}"#], &[]));
        let index = ResourceIndex::of([Some(&one), Some(&two)].into_iter());
        for _ in 0..100 {
            assert_eq!(index.find(&"x".repeat(2000)), Some(1));
        }
        let left = index.templates.iter().map(|one| one.steps_left.load(Ordering::Relaxed)).collect::<Vec<_>>();
        assert!(left[0] < 3001 * 2000 && left[1] > TEMPLATE_STEPS_MAX / 2, "{left:?}");
    }
}
