//! [`FileLock`]: a file that is locked for one holder.

use std::{
    fs::{File, Metadata},
    io,
};

/// An exclusive lock (`flock`) on a file, which ends when it is dropped.
///
/// Closing the file alone does not end it: a process that another thread is just starting has it open, too, until it
/// executes its program, and the next to take the lock would find it taken.
#[derive(Debug)]
pub(crate) struct FileLock(File);

impl FileLock {
    /// Locks a file; [`io::ErrorKind::WouldBlock`] where another one has the lock.
    pub(crate) fn take(file: File) -> io::Result<Self> {
        let lock = Self(file);
        lock.retake()?;
        Ok(lock)
    }

    /// Locks it again, where NFS may have lost the lock.
    pub(super) fn retake(&self) -> io::Result<()> {
        Ok(self.0.try_lock()?)
    }

    /// Metadata of the file.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.0.metadata()
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Where that fails, it ends with the last descriptor.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, io::ErrorKind};

    use super::*;

    #[test]
    fn a_lock_ends_with_its_holder_while_a_process_that_is_being_started_has_the_file_open() {
        let path = env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
        let open = || File::create(&path).unwrap();
        let file = open();
        // Of the same open file, as a descriptor that a fork inherits.
        let inherited = file.try_clone().unwrap();
        let lock = FileLock::take(file).unwrap();
        assert_eq!(FileLock::take(open()).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(lock);
        assert!(FileLock::take(open()).is_ok());
        drop(inherited);
        fs::remove_file(&path).unwrap();
    }
}
