//! [`KeptListing`]: all that a registry lists, as it is kept in the data folder.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{model::Timestamp, policy::catalogue::EntryPage, secrets::private_file};

/// Most entries of a source.
pub(super) const ENTRIES_MAX: usize = 10_000;

/// Most bytes of all entries of a source: three times what ten thousand of the usual length take.
const ENTRIES_BYTES_MAX: usize = 24 << 20;

/// Most entries that are named as left out.
const SKIPPED_MAX: usize = 20;

/// Most bytes of a kept file.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// All that a source lists.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptListing {
    /// The source's base URL: another registry of the name counts afresh.
    pub(super) place: String,
    /// Validators of the list, where it has one page.
    #[cfg(feature = "remote")]
    #[serde(default)]
    pub(super) validators: crate::outbound::Validators,
    /// Pages that it had when it was read from its beginning.
    pub(super) pages: usize,
    /// When it was read from its beginning.
    pub(super) read_at: Option<Timestamp>,
    /// When it was last found to be so.
    pub(super) checked_at: Option<Timestamp>,
    /// The text of each entry by its name.
    pub(super) entries: BTreeMap<String, Box<RawValue>>,
    /// Entries that could not be read, with the reason; of many the first.
    pub(super) skipped: Vec<String>,
    /// True when there are more than are kept.
    pub(super) is_cut: bool,
    #[serde(skip)]
    pub(super) bytes: usize,
}

impl KeptListing {
    /// Takes in a page.
    pub(super) fn take(&mut self, page: EntryPage) {
        for reason in page.skipped {
            if self.skipped.len() < SKIPPED_MAX && !self.skipped.contains(&reason) {
                self.skipped.push(reason);
            }
        }
        for listed in page.entries {
            let before = self.entries.remove(&listed.name).map_or(0, |text| text.get().len());
            self.bytes = self.bytes.saturating_sub(before);
            let Some(text) = listed.text else { continue };
            let bytes = self.bytes.saturating_add(text.get().len());
            if self.entries.len() >= ENTRIES_MAX || bytes > ENTRIES_BYTES_MAX {
                self.is_cut = true;
                return;
            }
            self.bytes = bytes;
            self.entries.insert(listed.name, text);
        }
    }

    /// Reads what is kept of the source at `place`; none where there is nothing that can be read. Blocks.
    pub(super) fn load(file: &Path, place: &str) -> Option<Self> {
        let mut text = String::new();
        fs::File::open(file).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
        let mut kept: Self = serde_json::from_str(&text).ok()?;
        kept.bytes = kept.entries.values().map(|text| text.get().len()).sum();
        (kept.place == place).then_some(kept)
    }

    /// Keeps it, in a folder of the data folder. Blocks.
    pub(super) fn store(&self, file: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self)?;
        // Not with what is above it: a data folder that was moved away is not made again.
        if let Some(folder) = file.parent().filter(|folder| !folder.exists()) {
            fs::DirBuilder::new().mode(0o700).create(folder)?;
        }
        private_file::replace(file, &text)
    }
}

/// The file in which a source's entries are kept.
pub(super) fn file(folder: &Path, source: &str) -> PathBuf {
    folder.join(format!("{source}.json"))
}

/// Removes what is kept of sources that there are no more. Blocks.
pub(super) fn clean(folder: &Path, sources: &[&str]) {
    let Ok(files) = fs::read_dir(folder) else { return };
    let is_of = |path: &Path| sources.iter().any(|source| file(folder, source) == path);
    for path in files.flatten().map(|entry| entry.path()).filter(|path| !is_of(path)) {
        if let Err(cause) = fs::remove_file(&path) {
            log::warn!(cause:%; "entries of a former source of the catalogue could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(names: &[&str]) -> EntryPage {
        let servers: Vec<_> = names.iter().map(|name| format!(r#"{{"name": "{name}", "remotes": []}}"#)).collect();
        EntryPage::read(&format!(r#"{{"servers": [{}]}}"#, servers.join(","))).unwrap()
    }

    fn fresh() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn what_is_kept_is_found_again_for_the_same_place_alone() {
        let (data, place) = (fresh(), "https://r.example");
        let file = file(&data.join("catalogues"), "team");
        let mut listing = KeptListing { place: place.into(), pages: 1, ..KeptListing::default() };
        listing.take(page(&["a/one", "a/two"]));
        listing.store(&file).unwrap();
        listing.store(&file).unwrap();
        let found = KeptListing::load(&file, place).unwrap();
        assert_eq!(found.entries.keys().collect::<Vec<_>>(), ["a/one", "a/two"]);
        assert!(KeptListing::load(&file, "https://other.example").is_none());
        clean(&data.join("catalogues"), &["team"]);
        assert!(file.exists());
        clean(&data.join("catalogues"), &["other"]);
        assert!(!file.exists());
        fs::write(&file, "{\"entries\": 5").unwrap();
        assert!(KeptListing::load(&file, place).is_none(), "a damaged file is none");
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_list_without_end_is_cut_and_a_deleted_entry_goes() {
        let names: Vec<_> = (0..ENTRIES_MAX + 5).map(|number| format!("a/{number}")).collect();
        let mut listing = KeptListing::default();
        listing.take(page(&names.iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!((listing.entries.len(), listing.is_cut), (ENTRIES_MAX, true));
        let mut listing = KeptListing::default();
        listing.take(page(&["a/one", "a/two", "a/one"]));
        let gone = r#"{"server": {"name": "a/one"}, "_meta": {"io.modelcontextprotocol.registry/official": {"status": "deleted"}}}"#;
        listing.take(EntryPage::read(&format!(r#"{{"servers": [{gone}]}}"#)).unwrap());
        assert_eq!(listing.entries.keys().collect::<Vec<_>>(), ["a/two"]);
        for _ in 0..2 * SKIPPED_MAX {
            listing.take(EntryPage::read(r#"{"servers": [5, 6]}"#).unwrap());
        }
        assert_eq!(listing.skipped.len(), 2, "each once");
    }
}
