//! Vets listings before they are shown beside those of other servers: a client that refuses one item refuses the whole
//! list, and so would lose all servers through the fault of one.

use std::{collections::HashSet, sync::Arc};

use serde_json::value::RawValue;

use crate::{
    mcp::{Capabilities, Era, ItemKind, VettedItem, convert, is_legacy, vet_item},
    model::Listing,
    policy::{nesting, payload},
};

/// Warnings about one listing: a server may have thousands of tools with one fault.
const WARNINGS_MAX: usize = 32;

/// Bytes of an item's name, and of the path of a member, in a warning.
const NAME_BYTES_MAX: usize = 100;

/// Items of one list.
type Items = Arc<Vec<Arc<RawValue>>>;

/// A listing that no client refuses, and warnings about what was changed for that.
#[derive(Debug)]
pub(super) struct VettedListing {
    /// Byte for byte as it was but for what is warned of; not copied where nothing is.
    pub(super) listing: Arc<Listing>,
    pub(super) warnings: Vec<String>,
}

impl VettedListing {
    pub(super) fn of(source: &Arc<Listing>) -> Self {
        let era = if is_legacy(&source.version) { Era::Legacy } else { Era::Modern };
        let mut warnings = Vec::new();
        let mut vet = |kind, items| vet_list(kind, era, items, &mut warnings);
        let listing = Listing {
            tools: vet(ItemKind::Tool, &source.tools),
            prompts: vet(ItemKind::Prompt, &source.prompts),
            resources: vet(ItemKind::Resource, &source.resources),
            templates: vet(ItemKind::Template, &source.templates),
            ..Listing::clone(source)
        };
        let listing = if warnings.is_empty() { source.clone() } else { Arc::new(listing) };
        if has_undeclared_lists(source) {
            warnings.insert(0, "it declares neither tools, prompts nor resources, but lists some".to_owned());
        }
        let more = warnings.len().saturating_sub(WARNINGS_MAX);
        if more > 0 {
            warnings.truncate(WARNINGS_MAX);
            warnings.push(format!("{more} further items that it lists are changed or left out at /mcp"));
        }
        Self { listing, warnings }
    }
}

/// True where lists were asked for although none is declared.
fn has_undeclared_lists(listing: &Listing) -> bool {
    let Listing { tools, prompts, resources, templates, greeting, .. } = listing;
    let is_empty = [tools, prompts, resources, templates].iter().all(|items| items.is_empty());
    !is_empty && Capabilities::of(greeting).declares_no_list()
}

/// The list as clients take it; the same one where nothing is wrong with it.
fn vet_list(kind: ItemKind, era: Era, items: &Items, warnings: &mut Vec<String>) -> Items {
    let (known, mut kept, mut keys) = (warnings.len(), Vec::with_capacity(items.len()), HashSet::new());
    for (index, item) in items.iter().enumerate() {
        let key = convert::member(item, kind.key());
        let VettedItem { item, faults } = if is_unlistable(item) {
            VettedItem { item: None, faults: vec!["what is nested deeper than 100 levels".to_owned()] }
        } else if key.as_ref().is_some_and(|key| keys.contains(key)) {
            VettedItem { item: None, faults: vec![format!("a second one of its {}", kind.key())] }
        } else {
            vet_item(kind, era, item)
        };
        if !faults.is_empty() {
            let name = key.clone().unwrap_or_else(|| format!("number {}", index.saturating_add(1)));
            warnings.push(warning(kind, &name, item.is_some(), &faults));
        }
        if let Some(item) = item {
            keys.extend(key);
            kept.push(item);
        }
    }
    if warnings.len() == known { items.clone() } else { Arc::new(kept) }
}

fn warning(kind: ItemKind, name: &str, is_mended: bool, faults: &[String]) -> String {
    let (noun, name) = (kind.noun(), payload::beginning(name, NAME_BYTES_MAX));
    let outcome = if is_mended { "changed" } else { "left out" };
    let faults: Vec<_> = faults.iter().map(|fault| payload::beginning(fault, NAME_BYTES_MAX)).collect();
    format!("the {noun} {name} is {outcome} at /mcp, as clients refuse a list over: {}", faults.join(", "))
}

/// The listing without items that are nested too deep for a list.
pub(super) fn listable(source: &Arc<Listing>) -> Arc<Listing> {
    let Listing { tools, prompts, resources, templates, .. } = &**source;
    if ![tools, prompts, resources, templates].iter().any(|items| items.iter().any(|item| is_unlistable(item))) {
        return source.clone();
    }
    let listable = |items: &Items| Arc::new(items.iter().filter(|item| !is_unlistable(item)).cloned().collect());
    Arc::new(Listing {
        tools: listable(tools),
        prompts: listable(prompts),
        resources: listable(resources),
        templates: listable(templates),
        ..Listing::clone(source)
    })
}

fn is_unlistable(item: &RawValue) -> bool {
    nesting::exceeds(item.get(), nesting::LISTED_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(tools: impl Iterator<Item = String>) -> Arc<Listing> {
        Arc::new(Listing { tools: Arc::new(tools.map(convert::raw).collect()), ..Listing::default() })
    }

    #[test]
    fn a_listing_without_a_fault_is_not_copied() {
        let greeting = convert::raw(r#"{"capabilities":{"tools":{}}}"#.to_owned());
        let tools = listing([r#"{"name":"a","inputSchema":{"type":"object"}}"#.to_owned()].into_iter());
        let source = Arc::new(Listing { greeting, ..Listing::clone(&tools) });
        let vetted = VettedListing::of(&source);
        assert!(Arc::ptr_eq(&vetted.listing, &source) && vetted.warnings.is_empty());
        assert_eq!(VettedListing::of(&tools).warnings.len(), 1, "it declares no list");
    }

    #[test]
    fn of_many_warnings_the_first_are_given_and_the_rest_counted() {
        let long = "n".repeat(1000);
        let vetted = VettedListing::of(&listing((0..100).map(|number| format!(r#"{{"name":"{number}{long}"}}"#))));
        assert_eq!(vetted.listing.tools.len(), 100);
        assert_eq!(vetted.warnings.len(), WARNINGS_MAX + 1);
        assert!(vetted.warnings.iter().all(|warning| warning.len() < 300));
        assert!(vetted.warnings.last().unwrap().starts_with("69 further items"), "{:?}", vetted.warnings.last());
    }
}
