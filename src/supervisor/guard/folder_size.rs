//! [`FolderSize`]: the space that folders take, found in small steps beside other work.

use std::{
    collections::HashSet,
    fs::{DirEntry, ReadDir, read_dir},
    io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

/// Entries looked at in a step: about a millisecond.
const STEP_ENTRIES: usize = 256;

/// Entries looked at in all: a bound for the time, and for the guard's memory.
const ENTRIES_MAX: usize = 1_000_000;

/// Bytes of a block of `st_blocks`.
const BLOCK_BYTES: u64 = 512;

/// A measurement. Links are not followed, and a file with several names counts once.
pub(super) struct FolderSize {
    folder: Option<ReadDir>,
    next: Vec<PathBuf>,
    linked: HashSet<(u64, u64)>,
    entries: usize,
    bytes: u64,
}

impl FolderSize {
    pub(super) fn of(folders: &[PathBuf]) -> Self {
        Self { folder: None, next: folders.to_vec(), linked: HashSet::new(), entries: 0, bytes: 0 }
    }

    /// Goes on; the bytes once all entries were looked at. Those that vanish meanwhile, or are closed to us, count as
    /// none.
    pub(super) fn step(&mut self) -> Option<u64> {
        for _ in 0..STEP_ENTRIES {
            if self.entries >= ENTRIES_MAX {
                return Some(self.bytes);
            }
            match self.folder.as_mut().and_then(Iterator::next) {
                Some(entry) => {
                    self.entries = self.entries.saturating_add(1);
                    let _ = entry.and_then(|entry| self.add(&entry));
                }
                None => match self.next.pop() {
                    Some(folder) => self.folder = read_dir(folder).ok(),
                    None => return Some(self.bytes),
                },
            }
        }
        None
    }

    fn add(&mut self, entry: &DirEntry) -> io::Result<()> {
        let found = entry.metadata()?;
        if found.is_dir() {
            self.next.push(entry.path());
        } else if found.nlink() > 1 && !self.linked.insert((found.dev(), found.ino())) {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(found.blocks().saturating_mul(BLOCK_BYTES));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_counts_once_and_links_are_not_followed() {
        let folder = std::env::temp_dir().join(format!("ostler-size-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("a/b")).unwrap();
        for number in 0..300 {
            std::fs::write(folder.join(format!("a/b/{number}")), [7; 8192]).unwrap();
        }
        std::fs::hard_link(folder.join("a/b/0"), folder.join("again")).unwrap();
        std::os::unix::fs::symlink("/usr", folder.join("usr")).unwrap();
        let beside = folder.with_extension("beside");
        std::fs::create_dir(&beside).unwrap();
        std::fs::write(beside.join("file"), vec![7; 1 << 20]).unwrap();
        let mut size = FolderSize::of(&[folder.clone(), beside.clone()]);
        assert_eq!(size.step(), None, "one step is short");
        let bytes = std::iter::repeat_with(|| size.step()).flatten().next().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::remove_dir_all(&beside).unwrap();
        let least = 300 * 8192 + (1 << 20);
        assert!((least..least + 8192 + (1 << 20)).contains(&bytes), "{bytes}");
        assert_eq!(FolderSize::of(&[folder]).step(), Some(0), "it is gone");
    }
}
