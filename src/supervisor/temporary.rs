//! [`Temporary`]: the folder for temporary files of one process of a contained server.
//!
//! It lies beside the server's home, where no grant reaches that another server can have, and is removed with the
//! process. The server knows it by a short link, for the path of a UNIX socket has at most 107 bytes, and browsers make
//! one there. To make a link follows none and replaces nothing, so what squats on its name is left alone.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, symlink},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::supervisor::removal;

/// The variable that leads programs to it.
pub(crate) const VARIABLE: &str = "TMPDIR";

/// The folder of the links, which every machine has.
pub(crate) const LINKS: &str = "/tmp";

/// Beginnings of the names of the folder and of the link; the same letters follow.
const FOLDER: &str = "tmp-";
const LINK: &str = "o-";

/// Letters of a name, which are random.
const NAME_CHARS: usize = 8;

/// A folder for temporary files, made or not, and the link that leads to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Temporary {
    folder: PathBuf,
    link: PathBuf,
}

/// One that was made, and is removed when this is dropped.
pub(super) struct MadeTemporary(Temporary);

impl Temporary {
    /// One beside a home.
    pub(super) fn beside(home: &Path) -> Self {
        let random = Uuid::new_v4().simple().to_string();
        Self::named(home.parent().unwrap_or(home), random.get(..NAME_CHARS).unwrap_or_default())
    }

    fn named(parent: &Path, name: &str) -> Self {
        Self { folder: parent.join(format!("{FOLDER}{name}")), link: Path::new(LINKS).join(format!("{LINK}{name}")) }
    }

    /// The folder itself, without links.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The link that leads to it.
    pub(super) fn link(&self) -> &Path {
        &self.link
    }

    /// Makes it; its path for programs is the folder's own where no link can be made.
    pub(super) fn make(&self) -> io::Result<(MadeTemporary, PathBuf)> {
        fs::DirBuilder::new().mode(0o700).create(&self.folder)?;
        let made = MadeTemporary(self.clone());
        let path = if symlink(&self.folder, &self.link).is_ok() { &self.link } else { &self.folder };
        Ok((made, path.clone()))
    }

    /// Puts the link back where something removes old files; reading it makes it younger.
    pub(super) fn keep_link(&self) {
        if fs::read_link(&self.link).is_err() {
            // What has its name by now keeps that.
            let _ = symlink(&self.folder, &self.link);
        }
    }

    /// Removes it with all that is in it. Blocks.
    pub(super) fn remove(&self) -> io::Result<()> {
        if fs::read_link(&self.link).is_ok_and(|target| target == self.folder) {
            // It may be gone by now.
            let _ = fs::remove_file(&self.link);
        }
        removal::remove(&self.folder)
    }
}

impl Drop for MadeTemporary {
    fn drop(&mut self) {
        // What cannot be removed now is tried again at the next start of Ostler.
        let _ = self.0.remove();
    }
}

/// Removes what is left of processes whose guards were killed, in the folder of a server of which nothing runs. Blocks.
pub(crate) fn remove_left(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Some(name) = entry.file_name().to_str().and_then(|name| name.strip_prefix(FOLDER)).map(str::to_owned)
        else {
            continue;
        };
        if let Err(cause) = Temporary::named(folder, &name).remove() {
            log::warn!(cause:%; "temporary files that a server left behind could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A home in a folder of its own, which is removed with this.
    struct Home(PathBuf);

    impl Home {
        fn new() -> Self {
            let home = std::env::temp_dir().join(format!("ostler-{}", Uuid::new_v4().simple())).join("shared");
            fs::create_dir_all(&home).unwrap();
            Self(home)
        }

        fn parent(&self) -> &Path {
            self.0.parent().unwrap()
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            fs::remove_dir_all(self.parent()).unwrap();
        }
    }

    #[test]
    fn it_is_short_private_and_removed_with_what_is_in_it() {
        let home = Home::new();
        let temporary = Temporary::beside(&home.0);
        let (made, path) = temporary.make().unwrap();
        assert!(path == temporary.link && path.as_os_str().len() == 15, "{path:?}");
        let mode = std::os::unix::fs::PermissionsExt::mode(&temporary.folder.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o700);
        fs::create_dir_all(path.join("a/b")).unwrap();
        drop(made);
        assert!(!temporary.folder.exists() && temporary.link.symlink_metadata().is_err());
        assert!(home.0.exists());
    }

    #[test]
    fn what_squats_on_its_name_is_neither_used_nor_removed() {
        let home = Home::new();
        let (temporary, other) = (Temporary::beside(&home.0), Temporary::beside(&home.0));
        symlink(&home.0, &temporary.link).unwrap();
        let (made, path) = temporary.make().unwrap();
        assert_eq!(path, temporary.folder);
        drop(made);
        assert_eq!(fs::read_link(&temporary.link).unwrap(), home.0);
        fs::remove_file(&temporary.link).unwrap();
        fs::create_dir(&other.folder).unwrap();
        assert!(other.make().is_err(), "a folder that is there is another's");
    }

    #[test]
    fn a_link_that_was_tidied_away_comes_back() {
        let home = Home::new();
        let temporary = Temporary::beside(&home.0);
        let (_made, path) = temporary.make().unwrap();
        fs::remove_file(&path).unwrap();
        temporary.keep_link();
        assert_eq!(fs::read_link(&path).unwrap(), temporary.folder);
    }

    #[test]
    fn what_a_killed_guard_left_is_removed_later() {
        let home = Home::new();
        let temporary = Temporary::beside(&home.0);
        let (made, path) = temporary.make().unwrap();
        std::mem::forget(made);
        fs::write(path.join("file"), "").unwrap();
        remove_left(home.parent());
        assert!(!temporary.folder.exists() && path.symlink_metadata().is_err() && home.0.exists());
    }
}
