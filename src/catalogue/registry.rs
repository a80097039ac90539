//! Lists of registries elsewhere, read page by page (MCP registry API v0.1). Only for the thread of an arbiter.

use std::{collections::BTreeSet, time::Duration};

use super::kept::KeptListing;
use crate::{
    model::Timestamp,
    outbound::{self, Fetched, Reachable, Validators},
    policy::{
        catalogue::{ENTRY_BYTES_MAX, EntryPage},
        catalogue_source::LIST_PATH,
    },
};

pub(super) use crate::outbound::NotFetched;

/// Entries that are asked for at once, the most that registries give.
const PAGE_ENTRIES: usize = 100;

/// Most bytes of a page: as many as its entries may have, and what stands around them.
const PAGE_BYTES_MAX: usize = PAGE_ENTRIES * ENTRY_BYTES_MAX + (1 << 20);

/// Most pages of a list.
const PAGES_MAX: usize = 500;

/// Longest time for a whole list.
const LIST_TIMEOUT: Duration = Duration::from_secs(600);

/// Longest pause that a registry gets between two pages of one list.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Most pauses in one list.
const PAUSES_MAX: usize = 20;

/// A list of several pages is read from its beginning once in so long: registries forget to say what they removed.
const WHOLE_LIST_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Greatest difference of clocks, and longest time that a change takes to be listed.
const CHANGE_MARGIN: Duration = Duration::from_secs(60 * 60);

/// Reads the list of the registry at `base`; `None` where it is as it was `kept`.
pub(super) async fn read(
    base: &str,
    token: Option<&str>,
    reachable: Reachable,
    kept: Option<KeptListing>,
) -> Result<Option<KeptListing>, NotFetched> {
    let mut walk = Walk { base, token, reachable, pauses: 0 };
    let late = || NotFetched::because(format!("did not send its whole list within {} s", LIST_TIMEOUT.as_secs()));
    tokio::time::timeout(LIST_TIMEOUT, walk.read(kept)).await.unwrap_or_else(|_| Err(late()))
}

/// A list being read.
struct Walk<'a> {
    base: &'a str,
    token: Option<&'a str>,
    reachable: Reachable,
    pauses: usize,
}

impl Walk<'_> {
    async fn read(&mut self, kept: Option<KeptListing>) -> Result<Option<KeptListing>, NotFetched> {
        let now = Timestamp::now();
        let (known, changed) = match kept {
            Some(kept) if kept.pages > 1 && kept.read_at.is_some_and(|at| at.plus(WHOLE_LIST_INTERVAL) > now) => {
                (Validators::default(), Some(kept))
            }
            kept => (kept.map(|kept| kept.validators).unwrap_or_default(), None),
        };
        let since = changed.as_ref().and_then(|kept| kept.checked_at).map(|at| at.minus(CHANGE_MARGIN));
        let fresh = KeptListing { place: self.base.to_owned(), read_at: Some(now), ..KeptListing::default() };
        let is_whole = changed.is_none();
        let mut listing = KeptListing { checked_at: Some(now), ..changed.unwrap_or(fresh) };
        let (mut cursor, mut cursors) = (None, BTreeSet::new());
        for number in 1..=PAGES_MAX {
            let known = if number == 1 { &known } else { &Validators::default() };
            let Some((page, validators)) = self.page(since, cursor.as_deref(), known).await? else { return Ok(None) };
            cursor = page.next.clone();
            listing.take(page);
            if is_whole {
                listing.pages = number;
                // Those of one page say nothing of another.
                listing.validators = if number == 1 { validators } else { Validators::default() };
            }
            match &cursor {
                Some(next) if !listing.is_cut => {
                    if !cursors.insert(next.clone()) {
                        return Err(NotFetched::because("gave a cursor twice: its list has no end"));
                    }
                }
                Some(_) | None => return Ok(Some(listing)),
            }
        }
        Err(NotFetched::because(format!("has a list of more than {PAGES_MAX} pages")))
    }

    /// A page; `None` where it is as it was.
    async fn page(
        &mut self,
        since: Option<Timestamp>,
        cursor: Option<&str>,
        known: &Validators,
    ) -> Result<Option<(EntryPage, Validators)>, NotFetched> {
        let url = url(self.base, since, cursor);
        loop {
            let fetched = outbound::fetch_if_changed(&url, self.reachable, self.token, known, PAGE_BYTES_MAX).await;
            match fetched {
                Ok(Fetched::Unchanged) => return Ok(None),
                Ok(Fetched::Document(text, validators)) => {
                    let page = EntryPage::read(&text).map_err(NotFetched::because)?;
                    return Ok(Some((page, validators)));
                }
                Err(fault) => match fault.retry_after.filter(|pause| *pause <= PAUSE_MAX) {
                    Some(pause) if self.pauses < PAUSES_MAX => {
                        self.pauses = self.pauses.saturating_add(1);
                        tokio::time::sleep(pause).await;
                    }
                    Some(_) | None => return Err(fault),
                },
            }
        }
    }
}

/// The URL of a page.
fn url(base: &str, since: Option<Timestamp>, cursor: Option<&str>) -> String {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let since = since.map(|since| format!("&updated_since={}", encoded(&since.to_string()))).unwrap_or_default();
    let cursor = cursor.map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default();
    format!("{base}{LIST_PATH}?version=latest&limit={PAGE_ENTRIES}{since}{cursor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_asked_for_by_its_cursor_and_changes_by_their_time() {
        let base = "https://r.example/mcp";
        assert_eq!(url(base, None, None), "https://r.example/mcp/v0.1/servers?version=latest&limit=100");
        let asked = url(base, Some("2026-11-30T12:00:00Z".parse().unwrap()), Some("a/b:1&x"));
        assert!(asked.ends_with("&updated_since=2026-11-30T12%3A00%3A00.000Z&cursor=a%2Fb%3A1%26x"), "{asked}");
    }
}
