//! Removal of a server's folder, whatever the server left in it.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use uuid::Uuid;

/// Removes a folder with all that is in it; one that is not there is removed already. Blocks.
///
/// Deep folders are brought up before they are removed: so that it takes no stack and no descriptors, however deeply a
/// server nested them. Nothing but another removal changes the folder meanwhile, as the server has ended. No link is
/// followed.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    while let Some(first) = entries(folder)?.next().transpose()? {
        if !first.file_type()?.is_dir() {
            unless_gone(fs::remove_file(first.path()))?;
            continue;
        }
        for inner in entries(&first.path())? {
            let inner = inner?;
            if inner.file_type()?.is_dir() {
                unless_gone(open(&inner.path()))?;
                unless_gone(fs::rename(inner.path(), folder.join(Uuid::new_v4().simple().to_string())))?;
            } else {
                unless_gone(fs::remove_file(inner.path()))?;
            }
        }
        unless_gone(fs::remove_dir(first.path()))?;
    }
    unless_gone(fs::remove_dir(folder))
}

/// Takes what is not there for removed.
fn unless_gone(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// The entries of a folder that may be closed to its owner; none where it is not there.
fn entries(folder: &Path) -> io::Result<impl Iterator<Item = io::Result<fs::DirEntry>> + use<>> {
    match open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        opened => opened.and_then(|()| fs::read_dir(folder)).map(|entries| Some(entries).into_iter().flatten()),
    }
}

fn open(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_folder_is_left_however_it_was_made_and_nothing_outside_is_touched() {
        let root = std::env::temp_dir().join(format!("ostler-removal-{}", Uuid::new_v4().simple()));
        let (folder, outside) = (root.join("folder"), root.join("outside"));
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        fs::create_dir_all(folder.join("a/b/c")).unwrap();
        std::os::unix::fs::symlink(&outside, folder.join("a/link")).unwrap();
        let mut deep = folder.clone();
        for _ in 0..500 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        fs::set_permissions(folder.join("a/b"), Permissions::from_mode(0o000)).unwrap();
        remove(&folder).unwrap();
        assert!(!folder.exists() && outside.join("kept").exists());
        remove(&folder).unwrap();
        fs::remove_dir_all(&root).unwrap();
    }
}
