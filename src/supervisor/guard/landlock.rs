//! A seclusion as Landlock rules.

use std::{
    fs::OpenOptions,
    io,
    os::fd::{AsFd, OwnedFd},
    os::unix::fs::OpenOptionsExt,
};

use crate::supervisor::{guard::sys, seclusion::Seclusion};

/// Rights to a file: write, read, since version 3 truncate.
const FILE_RIGHTS: u64 = 1 << 1 | 1 << 2 | 1 << 14;

/// Rights to a folder: remove, make entries of each kind, move between folders. To list and to execute is free.
const FOLDER_RIGHTS: u64 = 0b1_1111_1111 << 4 | 1 << 13;

/// The rules that leave everything open but what is hidden; what is gone by now needs none.
pub(super) fn rules(seclusion: &Seclusion) -> io::Result<OwnedFd> {
    // Cutting a file without having it open for writing came with version 3.
    let known = if sys::landlock_version() < 3 { !(1 << 14) } else { u64::MAX };
    let rules = sys::landlock_rules((FILE_RIGHTS | FOLDER_RIGHTS) & known)?;
    seclusion.walk(&mut |place| {
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(place);
        let place = match opened {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
                return Ok(());
            }
            opened => opened?,
        };
        let rights = if place.metadata()?.is_dir() { FILE_RIGHTS | FOLDER_RIGHTS } else { FILE_RIGHTS };
        sys::landlock_allow(&rules, place.as_fd(), rights & known)
    })?;
    Ok(rules)
}
