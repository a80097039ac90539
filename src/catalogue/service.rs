//! [`Catalogue`]: the further sources, each followed by a task, and their entries as they were read last.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use arc_swap::ArcSwap;
use secrecy::{ExposeSecret, SecretString};

use super::{
    folder::{self, Stamp},
    kept::{self, KeptListing},
    registry,
};
use crate::{
    error::Error,
    model::Timestamp,
    outbound::Reachable,
    policy::{
        catalogue::{CatalogueEntry, listed_entry},
        catalogue_source::{CataloguePlace, CatalogueSource},
    },
    tasks::blocking,
};

/// Time between looks at a folder.
const FOLDER_INTERVAL: Duration = Duration::from_secs(30);

/// Time between questions to a registry.
const REGISTRY_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Shortest and longest time until a registry that failed is asked again.
const RETRY_PAUSE: [Duration; 2] = [Duration::from_secs(5 * 60), Duration::from_secs(24 * 60 * 60)];

/// Further sources of the catalogue.
pub(crate) struct Catalogue {
    sources: Vec<Source>,
    /// The folder in which lists of registries are kept.
    folder: PathBuf,
    reachable: Reachable,
}

struct Source {
    source: CatalogueSource,
    token: Option<SecretString>,
    listing: ArcSwap<Listing>,
}

/// Entries of a source, as they were read last.
#[derive(Clone, Default)]
struct Listing {
    entries: Arc<[Arc<CatalogueEntry>]>,
    skipped: Arc<[String]>,
    is_cut: bool,
    checked_at: Option<Timestamp>,
    problem: Option<String>,
}

/// State of a source, for people.
#[derive(Debug)]
pub(crate) struct SourceState {
    /// Its name.
    pub(crate) name: String,
    /// Entries that there are of it.
    pub(crate) entries: usize,
    /// Entries that could not be read, with the reason; of many the first.
    pub(crate) skipped: Arc<[String]>,
    /// True when it has more entries than are taken.
    pub(crate) is_cut: bool,
    /// When it was last found to be so; none before.
    pub(crate) checked_at: Option<Timestamp>,
    /// The reason why it cannot be read now; its entries are those of `checked_at`.
    pub(crate) problem: Option<String>,
}

impl Catalogue {
    /// The catalogue of these sources, with what their tokens are by their names. Lists are kept below `data_dir`.
    pub(crate) fn new(
        sources: Vec<CatalogueSource>,
        tokens: &[(String, SecretString)],
        data_dir: &Path,
        reachable: Reachable,
    ) -> Self {
        for (name, _) in tokens.iter().filter(|(name, _)| sources.iter().all(|source| source.name != *name)) {
            log::warn!(name; "MCP_CATALOGUE_TOKENS has a token for a source that MCP_CATALOGUES does not name");
        }
        let token = |name: &str| tokens.iter().find(|(known, _)| known == name).map(|(_, token)| token.clone());
        let source =
            |source: CatalogueSource| Source { token: token(&source.name), source, listing: ArcSwap::default() };
        let sources = sources.into_iter().map(source).collect();
        Self { sources, folder: data_dir.join("catalogues"), reachable }
    }

    /// The entries of all sources, in the order in which the operator named these.
    pub(crate) fn entries(&self) -> Vec<Arc<CatalogueEntry>> {
        self.sources.iter().flat_map(|one| one.listing.load().entries.iter().cloned().collect::<Vec<_>>()).collect()
    }

    /// State of each source.
    pub(crate) fn states(&self) -> Vec<SourceState> {
        let state = |one: &Source| {
            let Listing { entries, skipped, is_cut, checked_at, problem } = Listing::clone(&one.listing.load());
            SourceState { name: one.source.name.clone(), entries: entries.len(), skipped, is_cut, checked_at, problem }
        };
        self.sources.iter().map(state).collect()
    }

    /// Follows each source for as long as this lives. On the thread of an arbiter.
    pub(crate) fn run(self: &Arc<Self>) {
        let (folder, names) = (self.folder.clone(), self.names());
        for index in 0..self.sources.len() {
            actix::spawn(follow(Arc::downgrade(self), index));
        }
        actix::spawn(async move {
            let clean = move || {
                kept::clean(&folder, &names.iter().map(String::as_str).collect::<Vec<_>>());
                Ok(())
            };
            // Of no weight: another start tries again.
            let _ = blocking(clean).await;
        });
    }

    fn names(&self) -> Vec<String> {
        self.sources.iter().map(|one| one.source.name.clone()).collect()
    }
}

/// Reads a source again and again.
async fn follow(catalogue: Weak<Catalogue>, index: usize) {
    let mut stamp = Stamp::default();
    loop {
        let Some(catalogue) = catalogue.upgrade() else { return };
        let Some(source) = catalogue.sources.get(index) else { return };
        let pause = match &source.source.place {
            CataloguePlace::Folder(folder) => source.read_folder(folder, &mut stamp).await,
            CataloguePlace::Registry(base) => {
                let file = kept::file(&catalogue.folder, &source.source.name);
                source.read_registry(base, file, catalogue.reachable).await
            }
        };
        drop(catalogue);
        tokio::time::sleep(pause).await;
    }
}

impl Source {
    async fn read_folder(&self, folder: &Path, stamp: &mut Stamp) -> Duration {
        let (folder, before) = (folder.to_owned(), stamp.clone());
        match blocking(move || Ok(folder::read(&folder, &before))).await.unwrap_or_else(failed) {
            Ok(Some((listing, now))) => {
                *stamp = now;
                self.took(&listing);
            }
            Ok(None) => self.found_unchanged(),
            Err(reason) => self.missed(reason),
        }
        FOLDER_INTERVAL
    }

    async fn read_registry(&self, base: &str, file: PathBuf, reachable: Reachable) -> Duration {
        let (place, kept_in) = (base.to_owned(), file.clone());
        let kept = blocking(move || Ok(KeptListing::load(&kept_in, &place))).await.unwrap_or_default();
        if let Some(kept) = kept.as_ref().filter(|_| self.listing.load().checked_at.is_none()) {
            self.took(kept);
        }
        let token = self.token.as_ref().map(ExposeSecret::expose_secret);
        let read = registry::read(base, token, reachable, kept.clone()).await;
        let (read, retry_after) = match read {
            Ok(read) => (Ok(read.or(kept)), None),
            Err(fault) => (Err(fault.reason), fault.retry_after),
        };
        match read {
            Ok(Some(listing)) => {
                let listing = KeptListing { checked_at: Some(Timestamp::now()), ..listing };
                self.took(&listing);
                let stored = blocking(move || Ok(listing.store(&file))).await;
                if let Err(cause) = stored.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
                    log::warn!(cause:%, source = self.source.name.as_str(); "a source of the catalogue cannot be kept");
                }
                REGISTRY_INTERVAL
            }
            // Nothing is kept where it said that nothing had changed: it is asked without condition then.
            Ok(None) => RETRY_PAUSE[0],
            Err(reason) => {
                self.missed(reason);
                pause(retry_after)
            }
        }
    }

    fn took(&self, listing: &KeptListing) {
        let name = &self.source.name;
        let entries: Vec<_> =
            listing.entries.values().filter_map(|text| listed_entry(text, name)).map(Arc::new).collect();
        log::debug!(source = name.as_str(), entries = entries.len(); "a source of the catalogue was read");
        self.listing.store(Arc::new(Listing {
            entries: entries.into(),
            skipped: listing.skipped.clone().into(),
            is_cut: listing.is_cut,
            checked_at: listing.checked_at,
            problem: None,
        }));
    }

    fn found_unchanged(&self) {
        let listing = Listing::clone(&self.listing.load());
        self.listing.store(Arc::new(Listing { checked_at: Some(Timestamp::now()), problem: None, ..listing }));
    }

    /// Keeps what there is, which is stale now.
    fn missed(&self, reason: String) {
        let listing = Listing::clone(&self.listing.load());
        if listing.problem.as_ref() != Some(&reason) {
            log::warn!(source = self.source.name.as_str(), reason = reason.as_str(); "a source of the catalogue failed");
        }
        self.listing.store(Arc::new(Listing { problem: Some(reason), ..listing }));
    }
}

fn failed<T>(error: Error) -> Result<T, String> {
    Err(error.to_string())
}

/// The pause after a failure: the one that was asked for, within bounds.
fn pause(retry_after: Option<Duration>) -> Duration {
    let [shortest, longest] = RETRY_PAUSE;
    retry_after.unwrap_or(shortest).clamp(shortest, longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_failed_is_asked_again_when_it_says_within_bounds() {
        let minutes = |after: Option<u64>| pause(after.map(Duration::from_secs)).as_secs() / 60;
        assert_eq!([None, Some(1), Some(3600), Some(10_000_000)].map(minutes), [5, 5, 60, 24 * 60]);
    }
}
