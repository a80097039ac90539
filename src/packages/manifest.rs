//! [`Manifest`]: every file of an installation, to find out later that one has changed.
//!
//! Of a file whose size, inode and times are what they were, the content is as well: no one but the administrator of
//! the machine sets the time of a change (`ctime`). So a check reads what has moved only.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::policy::hex;

/// The file of an installation that lists all others.
pub(super) const FILE: &str = ".manifest.json";

/// Beginnings of what a manifest says of a link and of a file.
const LINK: &str = "link:";
const FILE_HASH: &str = "sha256:";

/// Bytes of a file that are hashed at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Every file and link of an installation, by its path in it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest(BTreeMap<String, Entry>);

/// The size of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Size {
    /// Its files and links.
    pub(super) files: u64,
    /// Bytes of them.
    pub(super) bytes: u64,
}

/// A file, or a link.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Its content: `sha256:…`, or `link:…` with the target.
    content: String,
    /// Permissions; 0 for a link.
    mode: u32,
    /// Inode, size, time of the last change in nanoseconds: when they are the same, so is the content.
    stamp: (u64, u64, i128),
}

impl Manifest {
    /// Reads an installation. Blocks, for as long as it takes to hash it.
    pub(super) fn of(root: &Path) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        walk(root, root, &mut |path, metadata| {
            entries.insert(name(root, path)?, Entry::of(path, metadata)?);
            Ok(())
        })?;
        Ok(Self(entries))
    }

    /// The hash of all paths, permissions and contents.
    pub(super) fn digest(&self) -> String {
        let mut hash = digest::Context::new(&digest::SHA256);
        for (path, Entry { content, mode, stamp: _ }) in &self.0 {
            hash.update(format!("{path}\0{content}\0{mode:o}\n").as_bytes());
        }
        hex::encode(hash.finish().as_ref())
    }

    /// The number of files, and their bytes.
    pub(super) fn size(&self) -> Size {
        let bytes = self.0.values().map(|entry| entry.stamp.1).sum();
        Size { files: self.0.len().try_into().unwrap_or(u64::MAX), bytes }
    }

    /// The first file that is not as it was: changed, new or missing. Blocks.
    pub(super) fn difference(&self, root: &Path) -> io::Result<Option<String>> {
        let (mut found, mut different) = (0_usize, None);
        walk(root, root, &mut |path, metadata| {
            found = found.saturating_add(1);
            let name = name(root, path)?;
            let is_same = match self.0.get(&name) {
                Some(entry) => entry.stamp == stamp(metadata) || entry.is_content_of(path, metadata)?,
                None => false,
            };
            if !is_same && different.is_none() {
                different = Some(name);
            }
            Ok(())
        })?;
        if different.is_none() && found < self.0.len() {
            return Ok(self.0.keys().find(|path| fs::symlink_metadata(root.join(path)).is_err()).cloned());
        }
        Ok(different)
    }
}

/// For archives.
#[cfg(feature = "cli")]
impl Manifest {
    /// All files and links with their paths.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// The file or link of a path.
    pub(super) fn entry(&self, path: &str) -> Option<&Entry> {
        self.0.get(path)
    }
}

/// For archives.
#[cfg(feature = "cli")]
impl Entry {
    /// The target of a link; `None` for a file.
    pub(super) fn link(&self) -> Option<&str> {
        self.content.strip_prefix(LINK)
    }

    /// True for a file.
    pub(super) fn is_file(&self) -> bool {
        self.content.starts_with(FILE_HASH)
    }

    /// The permissions of a file.
    pub(super) fn mode(&self) -> u32 {
        self.mode
    }

    /// Its size.
    pub(super) fn bytes(&self) -> u64 {
        self.stamp.1
    }
}

impl Entry {
    fn of(path: &Path, metadata: &Metadata) -> io::Result<Self> {
        let mode = if metadata.is_symlink() { 0 } else { metadata.permissions().mode() & 0o7777 };
        Ok(Self { content: content(path, metadata)?, mode, stamp: stamp(metadata) })
    }

    fn is_content_of(&self, path: &Path, metadata: &Metadata) -> io::Result<bool> {
        let Self { content, mode, stamp: _ } = Self::of(path, metadata)?;
        Ok((&content, mode) == (&self.content, self.mode))
    }
}

fn stamp(metadata: &Metadata) -> (u64, u64, i128) {
    const NANOSECONDS: i128 = 1_000_000_000;
    let changed = i128::from(metadata.ctime()).saturating_mul(NANOSECONDS).saturating_add(metadata.ctime_nsec().into());
    (metadata.ino(), metadata.size(), changed)
}

fn content(path: &Path, metadata: &Metadata) -> io::Result<String> {
    if metadata.is_symlink() {
        return Ok(format!("{LINK}{}", fs::read_link(path)?.display()));
    }
    let (mut file, mut chunk) = (File::open(path)?, vec![0; CHUNK_BYTES]);
    let mut hash = digest::Context::new(&digest::SHA256);
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            return Ok(format!("{FILE_HASH}{}", hex::encode(hash.finish().as_ref())));
        }
        hash.update(chunk.get(..length).unwrap_or_default());
    }
}

fn name(root: &Path, path: &Path) -> io::Result<String> {
    let inner = path.strip_prefix(root).map_err(io::Error::other)?;
    inner.to_str().map(str::to_owned).ok_or_else(|| io::Error::other(format!("{} is no text", path.display())))
}

/// Calls `visit` with every file and link below `folder`; a manifest itself is none of them.
fn walk(root: &Path, folder: &Path, visit: &mut impl FnMut(&Path, &Metadata) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.is_dir() {
            walk(root, &path, visit)?;
        } else if path != root.join(FILE) {
            visit(&path, &metadata)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, path::PathBuf};

    use uuid::Uuid;

    use super::*;

    fn folder() -> PathBuf {
        let root = std::env::temp_dir().join(format!("ostler-manifest-{}", Uuid::new_v4().simple()));
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "1").unwrap();
        symlink("b/file", root.join("a/link")).unwrap();
        root
    }

    #[test]
    fn what_changed_is_named() {
        let root = folder();
        let manifest = Manifest::of(&root).unwrap();
        let difference = || manifest.difference(&root).unwrap();
        assert_eq!(difference(), None);
        fs::write(root.join("a/b/file"), "2").unwrap();
        assert_eq!(difference().as_deref(), Some("a/b/file"));
        fs::write(root.join("a/b/file"), "1").unwrap();
        assert_eq!(difference(), None, "it is as it was, whenever that was written");
        fs::set_permissions(root.join("a/b/file"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(difference().as_deref(), Some("a/b/file"));
        fs::set_permissions(root.join("a/b/file"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(root.join("a/new"), "").unwrap();
        assert_eq!(difference().as_deref(), Some("a/new"));
        fs::remove_file(root.join("a/new")).unwrap();
        fs::remove_file(root.join("a/link")).unwrap();
        assert_eq!(difference().as_deref(), Some("a/link"));
        symlink("elsewhere", root.join("a/link")).unwrap();
        assert_eq!(difference().as_deref(), Some("a/link"));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn two_installations_of_the_same_have_one_digest() {
        let (one, other) = (folder(), folder());
        let [first, second] = [&one, &other].map(|root| Manifest::of(root).unwrap().digest());
        assert_eq!(first, second);
        fs::write(other.join("a/b/file"), "2").unwrap();
        assert_ne!(first, Manifest::of(&other).unwrap().digest());
        for root in [one, other] {
            fs::remove_dir_all(root).unwrap();
        }
    }
}
