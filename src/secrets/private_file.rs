//! Files that only our own user may read, written whole or not at all.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{ErrorKind, Result, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

const PRIVATE: u32 = 0o600;

/// Writes a file that is not there yet, with its folder; leaves one that is. Of several at once, one wins. Blocks.
pub(crate) fn create(path: &Path, text: &str) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder(path))?;
    let draft = draft(path, text)?;
    // A link, unlike a rename, never replaces a file that another process made meanwhile.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => sync(folder(path)),
    }
}

/// Writes a file over what may be there, in a folder that is: where the data folder was moved away, another one would
/// be in the way of its return. Blocks.
pub(crate) fn replace(path: &Path, text: &str) -> Result<()> {
    let draft = draft(path, text)?;
    fs::rename(&draft, path)?;
    sync(folder(path))
}

/// Puts a file in the place of another one in its folder. Blocks.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)?;
    sync(folder(to))
}

/// Removes a file. Blocks.
pub(crate) fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path)?;
    sync(folder(path))
}

/// Opens an empty file to lock, made where there is none. Blocks.
pub(crate) fn open_lock(path: &Path) -> Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(PRIVATE).open(path)
}

/// Reads a file, and takes away what others may do with it. Blocks.
pub(crate) fn read(path: &Path) -> Result<String> {
    let mode = fs::metadata(path)?.mode();
    if mode & 0o077 != 0 {
        log::warn!(path:% = path.display(); "a private file was open to other users; its mode is 0600 now");
        fs::set_permissions(path, Permissions::from_mode(PRIVATE))?;
    }
    fs::read_to_string(path)
}

fn draft(path: &Path, text: &str) -> Result<PathBuf> {
    let draft = path.with_extension(format!("{}.new", uuid::Uuid::new_v4().simple()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&draft)?;
    let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
    if written.is_err() {
        fs::remove_file(&draft)?;
    }
    written.map(|()| draft)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync(folder: &Path) -> Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> PathBuf {
        std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple())).join("deep")
    }

    #[test]
    fn of_many_who_create_at_once_all_read_the_same() {
        let folder = fresh();
        let path = folder.join("secret.key");
        let read_back = |text: String| {
            create(&path, &text).unwrap();
            read(&path).unwrap()
        };
        let texts: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || read_back(format!("text {n}")))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(texts.iter().all(|text| text == &texts[0] && text.starts_with("text ")));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_private_file_is_private_and_made_so_again() {
        let folder = fresh();
        let path = folder.join("first-admin.txt");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(replace(&path, "none").unwrap_err().kind(), ErrorKind::NotFound);
        create(&path, "one").unwrap();
        replace(&path, "two").unwrap();
        assert_eq!((mode(&folder), mode(&path)), (0o700, PRIVATE));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read(&path).unwrap(), "two\n");
        assert_eq!(mode(&path), PRIVATE);
        fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    }
}
