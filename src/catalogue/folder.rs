//! Folders of files of the form `server.json`.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustix::fs::{Mode, OFlags, open};

use super::kept::{ENTRIES_MAX, KeptListing};
use crate::{model::Timestamp, policy::catalogue::EntryPage};

/// Most bytes of a file, which may be a whole answer of a registry.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// The files of a folder as they were read, to find out whether any has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, u64, Option<SystemTime>)>);

/// Reads the files `*.json` of a folder, and the `server.json` in each of its folders; `None` where they are as they
/// were. The error is for people. Blocks.
pub(super) fn read(folder: &Path, before: &Stamp) -> Result<Option<(KeptListing, Stamp)>, String> {
    let stamp = stamp(folder).map_err(|cause| format!("the folder cannot be read: {cause}"))?;
    if stamp == *before {
        return Ok(None);
    }
    let mut listing = KeptListing { checked_at: Some(Timestamp::now()), ..KeptListing::default() };
    for (path, ..) in &stamp.0 {
        let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        let page = match text(path) {
            Ok(text) => EntryPage::of_file(&text, &name),
            Err(cause) => {
                EntryPage { skipped: vec![format!("{name} cannot be read: {cause}")], ..EntryPage::default() }
            }
        };
        listing.take(page);
    }
    Ok(Some((listing, stamp)))
}

/// The files of a folder, in the order of their names.
fn stamp(folder: &Path) -> io::Result<Stamp> {
    let is_json = |path: &Path| path.extension().is_some_and(|end| end == "json");
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)?.take(2 * ENTRIES_MAX) {
        let path = entry?.path();
        if path.is_dir() {
            paths.push(path.join("server.json"));
        } else if is_json(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    let stamped = |path: PathBuf| {
        let metadata = fs::metadata(&path).ok()?;
        Some((path, metadata.len(), metadata.modified().ok()))
    };
    Ok(Stamp(paths.into_iter().filter_map(stamped).collect()))
}

fn text(path: &Path) -> io::Result<String> {
    // A pipe without a writer must not be waited for.
    let file = File::from(open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    if file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)? > usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX)
    {
        return Err(io::Error::other("it has more than 8 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"{"name": "a/NAME", "description": "x", "remotes": [{"url": "https://a.example/mcp"}]}"#;

    #[test]
    fn files_and_folders_with_one_are_read_and_what_is_no_entry_is_named() {
        let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir_all(folder.join("two")).unwrap();
        fs::create_dir_all(folder.join("empty")).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write("one.json", &ENTRY.replace("NAME", "one"));
        write("two/server.json", &ENTRY.replace("NAME", "two"));
        write("bad.json", "{");
        write("notes.txt", "no entry");
        rustix::fs::mknodat(rustix::fs::CWD, folder.join("pipe.json"), rustix::fs::FileType::Fifo, Mode::RUSR, 0)
            .unwrap();
        let (listing, stamp) = read(&folder, &Stamp::default()).unwrap().unwrap();
        assert_eq!(listing.entries.keys().collect::<Vec<_>>(), ["a/one", "a/two"]);
        let parts = ["bad.json cannot be read", "pipe.json cannot be read: it is no regular file"];
        assert!(listing.skipped.iter().zip(parts).all(|(reason, part)| reason.starts_with(part)), "{listing:?}");
        assert_eq!(listing.skipped.len(), 2);
        assert!(read(&folder, &stamp).unwrap().is_none());
        write("bad.json", &ENTRY.replace("NAME", "mended"));
        assert_eq!(read(&folder, &stamp).unwrap().unwrap().0.entries.len(), 3);
        fs::remove_dir_all(&folder).unwrap();
        assert!(read(&folder, &stamp).unwrap_err().contains("No such file"));
    }
}
