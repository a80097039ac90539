//! Entries by words and category.

use std::sync::Arc;

use super::entry::CatalogueEntry;

/// The entries that have each of the words somewhere, those with one in their title first; of one category, where one
/// is given.
pub(crate) fn found<'a>(
    entries: impl IntoIterator<Item = &'a Arc<CatalogueEntry>>,
    words: &str,
    category: Option<&str>,
) -> Vec<&'a Arc<CatalogueEntry>> {
    let words: Vec<_> = words.to_lowercase().split_whitespace().map(ToOwned::to_owned).collect();
    let title = |entry: &CatalogueEntry| {
        let text = format!("{} {}", entry.id(), entry.title.as_deref().unwrap_or_default());
        text.to_lowercase()
    };
    let text = |entry: &CatalogueEntry| {
        let preset = entry.preset();
        let package = entry.source().map(|(_, package)| package).unwrap_or_default();
        let parts = [&entry.description, &preset.category, package, &preset.words.join(" ")];
        format!("{} {}", title(entry), parts.join(" ").to_lowercase())
    };
    let fits = |entry: &Arc<CatalogueEntry>| {
        let is_of = category.is_none_or(|category| entry.preset().category == category);
        is_of && words.iter().all(|word| text(entry).contains(word))
    };
    let mut found: Vec<_> = entries.into_iter().filter(|entry| fits(entry)).collect();
    found.sort_by_key(|entry| !words.iter().any(|word| title(entry).contains(word)));
    found
}
