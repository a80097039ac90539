//! The folder that is a contained server's home, as its guard makes it.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, fchown, lchown},
    },
    path::Path,
};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, chownat, fstat, openat, statat};

use crate::supervisor::{containment::Containment, servers_user::ServersUser};

/// The folder in it for temporary files.
const TEMPORARY: &str = "tmp";

/// Makes it, with the folder for temporary files and the settings that are copied there. What the server made of them
/// stays, and no link of its making is followed.
pub(super) fn prepare(containment: &Containment) -> io::Result<()> {
    let private = |recursive| {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(recursive).mode(0o700);
        builder
    };
    let owner = containment.user.as_ref();
    let (uid, gid) = owner.map(|owner| (owner.uid, owner.gid)).unzip();
    private(true).create(&containment.home)?;
    owner.map_or(Ok(()), |owner| give(&containment.home, owner))?;
    let temporary = containment.home.join(TEMPORARY);
    unless_there(private(false).create(&temporary).and_then(|()| lchown(&temporary, uid, gid)))?;
    for (name, text) in &containment.settings {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(containment.home.join(name));
        unless_there(file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            fchown(&file, uid, gid)
        }))?;
    }
    Ok(())
}

/// Lets `owner` pass to its home, and gives it that, with all that is in it, if it was another's.
fn give(home: &Path, owner: &ServersUser) -> io::Result<()> {
    // To pass is not to list: it learns of no other home.
    home.parent().map_or(Ok(()), |above| fs::set_permissions(above, Permissions::from_mode(0o711)))?;
    let home = openat(CWD, home, FOLDER, Mode::empty())?;
    if fstat(&home)?.st_uid == owner.uid { Ok(()) } else { Ok(give_all(&home, owner)?) }
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Gives a folder with all that is in it, itself last: what is cut short is done again.
fn give_all(folder: &OwnedFd, owner: &ServersUser) -> rustix::io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)));
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_folder = FileType::from_raw_mode(found.st_mode).is_dir();
        if is_folder && !matches!(name.to_bytes(), b"." | b"..") {
            give_all(&openat(folder, name, FOLDER, Mode::empty())?, owner)?;
        // What has another name may be another's elsewhere.
        } else if !is_folder && found.st_nlink == 1 {
            chownat(folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        }
    }
    rustix::fs::fchown(folder, uid, gid)
}

fn unless_there(made: io::Result<()>) -> io::Result<()> {
    made.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
}
