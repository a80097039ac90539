//! [`Storage`]: the files of all servers on disk, for each server a folder of segments. Knows neither lines nor a
//! budget.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{StatVfs, fstatvfs, statvfs};

use crate::model::ServerId;

/// Bytes that stay free on the file system: the database needs them.
const RESERVE_BYTES: u64 = 16 << 20;

/// A folder with a folder for each server, in which segments are numbered from the oldest on.
#[derive(Clone)]
pub(super) struct Storage {
    folder: PathBuf,
}

impl Storage {
    /// The files in `folder`, which need not exist yet.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Servers with files. Names that are no server's id were not made by Ostler.
    pub(super) fn servers(&self) -> Vec<ServerId> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    /// The numbers of a server's segments, in no order.
    pub(super) fn segments(&self, id: ServerId) -> Vec<u64> {
        let entries = fs::read_dir(self.folder_of(id)).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".jsonl")?.parse().ok()).collect()
    }

    /// The bytes of a segment; 0 where there is none.
    pub(super) fn length(&self, id: ServerId, segment: u64) -> u64 {
        fs::metadata(self.path(id, segment)).map_or(0, |metadata| metadata.len())
    }

    /// Opens a segment to read.
    pub(super) fn open(&self, id: ServerId, segment: u64) -> io::Result<File> {
        File::open(self.path(id, segment))
    }

    /// Opens a segment to append to, which is made where there is none; fails where the file system is nearly full.
    pub(super) fn open_to_append(&self, id: ServerId, segment: u64) -> io::Result<File> {
        self.try_open_to_append(id, segment).map_err(|error| {
            let is_full = error.kind() == io::ErrorKind::StorageFull;
            // The system has one word for both, and most people look at bytes alone. Some file systems count no inodes.
            let lacks_inodes = |system: StatVfs| system.f_files > 0 && system.f_favail == 0;
            if is_full && statvfs(&self.folder).is_ok_and(lacks_inodes) {
                return io::Error::new(error.kind(), "no inodes are free on the file system");
            }
            error
        })
    }

    fn try_open_to_append(&self, id: ServerId, segment: u64) -> io::Result<File> {
        let path = self.path(id, segment);
        let open = || File::options().append(true).create(true).mode(0o600).open(&path);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(&self.folder_of(id))?;
                open()?
            }
            opened => opened?,
        };
        let system = fstatvfs(&file)?;
        if system.f_bavail.saturating_mul(system.f_frsize) < RESERVE_BYTES {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "less than 16 MiB are free on the file system"));
        }
        Ok(file)
    }

    /// Removes a segment.
    pub(super) fn remove(&self, id: ServerId, segment: u64) -> io::Result<()> {
        fs::remove_file(self.path(id, segment))
    }

    /// Removes everything of a server, if there is anything.
    pub(super) fn remove_server(&self, id: ServerId) -> io::Result<()> {
        match fs::remove_dir_all(self.folder_of(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Removes the folder of all servers; fails where something is in it.
    pub(super) fn remove_empty(&self) -> io::Result<()> {
        fs::remove_dir(&self.folder)
    }

    fn folder_of(&self, id: ServerId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// The path of a segment.
    pub(super) fn path(&self, id: ServerId, segment: u64) -> PathBuf {
        self.folder_of(id).join(format!("{segment:08}.jsonl"))
    }
}

/// Makes the folder of a server and the one of all servers, but not the data folder: where that was moved away, another
/// one would be in the way of its return.
fn make(folder: &Path) -> io::Result<()> {
    for folder in folder.parent().into_iter().chain([folder]) {
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
