//! The folders that are a contained server's own, as its guard makes them.

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

use crate::supervisor::{
    guard::spec::Spec,
    servers_user::ServersUser,
    temporary::{self, MadeTemporary},
};

/// Makes its home, with the settings that are copied there, and its folder for temporary files, which `spec` grants and
/// names from then on. What the server made of its home stays, and no link of its making is followed.
pub(super) fn prepare(spec: &mut Spec) -> io::Result<Option<MadeTemporary>> {
    let Some(containment) = &mut spec.containment else { return Ok(None) };
    let owner = containment.user.as_ref();
    let (uid, gid) = owner.map(|owner| (owner.uid, owner.gid)).unzip();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&containment.home)?;
    owner.map_or(Ok(()), |owner| give(&containment.home, owner))?;
    for (name, text) in &containment.settings {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(containment.home.join(name));
        unless_there(file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            fchown(&file, uid, gid)
        }))?;
    }
    let Some(temporary) = &spec.temporary else { return Ok(None) };
    let (made, path) = temporary.make()?;
    lchown(temporary.folder(), uid, gid)?;
    containment.write.push(temporary.folder().to_owned());
    // An operator may let servers have another.
    if let Some(variable) = spec.env.get_mut(temporary::VARIABLE).filter(|variable| *variable == temporary::LINKS) {
        *variable = path.display().to_string();
    }
    Ok(Some(made))
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
