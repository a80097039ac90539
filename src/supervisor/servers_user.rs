//! [`ServersUser`]: the account that contained servers run as, where Ostler is root.

use std::{
    ffi::CString,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    process::{Gid, Uid, geteuid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use serde::{Deserialize, Serialize};

use crate::supervisor::guard::sys;

/// Rights to pass through a folder: its owner's, its group's, everybody's.
const PASS: [u32; 3] = [0o100, 0o010, 0o001];

/// An account as the system's database has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServersUser {
    /// Its name.
    pub name: String,
    /// Its user id.
    pub uid: u32,
    /// The id of its group.
    pub gid: u32,
    /// Ids of all groups that it is in.
    pub groups: Vec<u32>,
}

impl ServersUser {
    /// Looks an account up. The error says why servers cannot run as it, and what to do. Blocks.
    pub fn find(name: &str) -> Result<Self, String> {
        if !geteuid().is_root() {
            return Err("only root can run servers as another user; leave it out, or run Ostler as root".into());
        }
        let text = CString::new(name).map_err(|_| "a name has no zero byte".to_owned())?;
        let found = sys::account(&text).map_err(|error| format!("{name} cannot be looked up: {error}"))?;
        let Some((uid, gid, groups)) = found else {
            return Err(format!("there is no user {name}; make it, as with `useradd --system {name}`"));
        };
        if uid == 0 {
            return Err(format!("{name} is root itself; name a user without rights and without files"));
        }
        Ok(Self { name: name.to_owned(), uid, gid, groups })
    }

    /// Makes this process that user's for good; one without threads. Makes plain system calls only.
    pub(super) fn assume(&self) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let groups: Vec<_> = self.groups.iter().copied().map(Gid::from_raw).collect();
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        Ok(set_thread_res_uid(uid, uid, uid)?)
    }

    /// Fails where it may not enter a folder on the way to `place`, or that itself. The error is for people. Blocks.
    pub(crate) fn try_way(&self, place: &Path) -> Result<(), String> {
        let closed = self.shut_out_by(place);
        closed.map_or(Ok(()), |closed| Err(format!("{} cannot pass {}", self.name, closed.display())))
    }

    /// The folder on the way to `place`, or that itself, which it may not enter. Blocks.
    pub(super) fn shut_out_by(&self, place: &Path) -> Option<PathBuf> {
        let ways: Vec<_> = place.ancestors().collect();
        ways.into_iter()
            .rev()
            .find(|folder| fs::metadata(folder).is_ok_and(|found| !self.may_pass(&found)))
            .map(Into::into)
    }

    fn may_pass(&self, folder: &Metadata) -> bool {
        let [of_owner, of_group, of_others] = PASS;
        let right = if folder.uid() == self.uid {
            of_owner
        } else if folder.gid() == self.gid || self.groups.contains(&folder.gid()) {
            of_group
        } else {
            of_others
        };
        folder.mode() & right != 0
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_account_is_found_with_its_groups_or_the_error_says_what_to_do() {
        let found = ServersUser::find("daemon");
        if !geteuid().is_root() {
            assert!(found.unwrap_err().contains("only root"));
            return;
        }
        let found = found.unwrap();
        assert!(found.uid != 0 && found.groups.contains(&found.gid), "{found:?}");
        assert!(ServersUser::find("no such user").unwrap_err().contains("useradd"));
        assert!(ServersUser::find("root").unwrap_err().contains("root itself"));
    }

    #[test]
    fn a_folder_is_passed_by_the_right_that_counts_for_the_user() {
        let folder = std::env::temp_dir().join(format!("ostler-way-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(folder.join("in")).unwrap();
        let (own, real) = (fs::metadata(&folder).unwrap(), folder.canonicalize().unwrap());
        let user = |uid, gid, groups| ServersUser { name: String::new(), uid, gid, groups };
        let (stranger, member) = (u32::MAX - 7, user(u32::MAX - 7, u32::MAX - 7, vec![own.gid()]));
        let allowed = |mode, user: &ServersUser| {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            user.shut_out_by(&real.join("in")).is_none_or(|folder| folder != real)
        };
        assert!(allowed(0o711, &user(stranger, stranger, Vec::new())));
        assert!(!allowed(0o770, &user(stranger, stranger, Vec::new())));
        assert!(allowed(0o710, &member) && !allowed(0o701, &member));
        assert!(allowed(0o700, &user(own.uid(), stranger, Vec::new())));
        fs::remove_dir_all(folder).unwrap();
    }
}
