//! [`Seclusion`]: what no server may reach, and whether that can be had without taking anything else from servers.
//!
//! Landlock allows everything beside the hidden folders, so nothing may be created in a folder above them: hence the
//! condition. A mount namespace would need root, or a user namespace, which changes file owners.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

use crate::supervisor::guard::sys;

/// Landlock can say since its second version that files may be moved between folders.
const LANDLOCK_VERSION_MIN: i64 = 2;

/// Files and folders that servers may not read, write or remove. Landlock only knows rights to allow: they cover all
/// the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seclusion {
    /// Files and folders, without links in their paths.
    pub hidden: Vec<PathBuf>,
    /// Folders that servers may use, though they lie in hidden ones.
    pub open: Vec<PathBuf>,
}

impl Seclusion {
    /// Plans to hide what is there of `hidden`. `Err` says why it cannot be hidden. Blocks.
    ///
    /// An entry made in a folder above a hidden one after a server has started is closed to that server, as no rule
    /// allows it. So none of these may be a folder in which servers make something.
    pub fn plan(hidden: &[PathBuf], open: &Path, home: Option<&Path>) -> Result<Self, String> {
        let hidden: Vec<_> = hidden.iter().filter_map(|path| without_links(path)).collect();
        let open: Vec<_> = without_links(open).into_iter().filter(|open| is_in_any(open, &hidden)).collect();
        if sys::landlock_version() < LANDLOCK_VERSION_MIN {
            return Err("this kernel has no Landlock".into());
        }
        let home = home.and_then(without_links).filter(|home| is_in_any(home, &hidden) && !is_in_any(home, &open));
        if let Some(home) = home {
            return Err(format!("their HOME is in it: {}", home.display()));
        }
        let above = hidden.iter().flat_map(|path| path.ancestors().skip(1));
        let mut above = above.filter(|folder| !is_in_any(folder, &hidden));
        if let Some(folder) = above.find(|folder| access(*folder, Access::WRITE_OK).is_ok()) {
            return Err(format!("they may write to a folder above it: {}", folder.display()));
        }
        Ok(Self { hidden, open })
    }

    /// Calls `allow` with every file and folder that together make up everything but what is hidden. Blocks.
    pub fn walk(&self, allow: &mut impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
        self.walk_from(Path::new("/"), allow)?;
        self.open.iter().try_for_each(|open| allow(open.as_path()))
    }

    /// Calls `allow` with what together makes up everything in `place` but what is hidden. Blocks.
    pub(super) fn walk_from(&self, place: &Path, allow: &mut impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
        if is_in_any(place, &self.hidden) {
            return Ok(());
        }
        if !self.hidden.iter().any(|hidden| hidden.starts_with(place)) {
            return allow(place);
        }
        for entry in place.read_dir()? {
            let entry = entry?;
            // The target of a link is allowed where it lies.
            if !entry.file_type()?.is_symlink() {
                self.walk_from(&entry.path(), allow)?;
            }
        }
        Ok(())
    }
}

/// The path as the kernel walks it, also of what is not there yet in a folder that is. Blocks.
pub(crate) fn without_links(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let of_parent = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(of_parent)
}

fn is_in_any(path: &Path, folders: &[PathBuf]) -> bool {
    folders.iter().any(|folder| path.starts_with(folder))
}
