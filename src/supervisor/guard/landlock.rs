//! Seclusion and containment as Landlock rules (landlock(7)).

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};

use crate::supervisor::{
    containment::Containment,
    guard::{places, sys},
    seclusion::Seclusion,
};

/// Rights to read a file, and to list a folder.
const READ: u64 = 1 << 2 | 1 << 3;

const EXECUTE: u64 = 1;

const WRITE: u64 = 1 << 1;

const TRUNCATE: u64 = 1 << 14;

/// `ioctl` on a device.
const CONTROL: u64 = 1 << 15;

/// Rights to a folder: remove, make entries of each kind, move between folders.
const CHANGE: u64 = 0b1_1111_1111 << 4 | 1 << 13;

/// Rights that a file can have as well.
const OF_FILES: u64 = EXECUTE | WRITE | 1 << 2 | TRUNCATE | CONTROL;

/// Abstract UNIX sockets and signals: both stay within the server's own processes.
const SCOPES: u64 = 0b11;

/// The versions of Landlock with which moving between folders, cutting files, `ioctl` and scopes came. Without the
/// first, nothing can be moved at all.
pub(super) const REFER_VERSION: i64 = 2;
const TRUNCATE_VERSION: i64 = 3;
const CONTROL_VERSION: i64 = 5;
const SCOPES_VERSION: i64 = 6;

/// Everything that a version of Landlock can forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handled {
    rights: u64,
    scopes: u64,
}

impl Handled {
    /// Everything that `version` can forbid of what a containment wants.
    pub(super) fn by(version: i64) -> Self {
        let since = |first: i64, rights: u64| if version >= first { rights } else { 0 };
        Self {
            rights: READ
                | EXECUTE
                | WRITE
                | CHANGE & !(1 << 13)
                | since(REFER_VERSION, 1 << 13)
                | since(TRUNCATE_VERSION, TRUNCATE)
                | since(CONTROL_VERSION, CONTROL),
            scopes: since(SCOPES_VERSION, SCOPES),
        }
    }

    /// Leaves out what seclusion leaves free: to read folders, to execute, `ioctl`, and scopes.
    fn of_seclusion(self) -> Self {
        Self { rights: self.rights & (CHANGE | WRITE | TRUNCATE | 1 << 2), scopes: 0 }
    }

    fn ruleset(self) -> io::Result<OwnedFd> {
        // Older kernels take fewer members. The one in between is of ports.
        if self.scopes == 0 {
            sys::landlock_rules(&[self.rights])
        } else {
            sys::landlock_rules(&[self.rights, 0, self.scopes])
        }
    }

    /// Allows `rights` in `place` and below; what is not there, or has become a link, needs no rule.
    fn allow(self, rules: &OwnedFd, place: &Path, rights: u64, links: ResolveFlags) -> io::Result<()> {
        let opened = match openat2(CWD, place, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), links) {
            Err(Errno::NOENT | Errno::ACCESS | Errno::LOOP | Errno::NOTDIR) => return Ok(()),
            opened => opened?,
        };
        let is_folder = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&opened)?.st_mode).is_dir();
        let rights = rights & self.rights & if is_folder { u64::MAX } else { OF_FILES };
        sys::landlock_allow(rules, opened.as_fd(), rights)
    }
}

/// Gaps in every containment where the kernel's Landlock is of `version`, for people; pathname UNIX sockets, which no
/// version closes that there is yet, are the filter's.
pub(super) fn missing(version: i64) -> Vec<&'static str> {
    let gaps = [
        (TRUNCATE_VERSION, "it can empty files that its user may write to (closed by Linux 6.2)"),
        (CONTROL_VERSION, "it can control devices that it inherited (closed by Linux 6.10)"),
        (
            SCOPES_VERSION,
            "it can signal processes of its user, and reach their abstract sockets (closed by Linux 6.12)",
        ),
    ];
    gaps.into_iter().filter(|(first, _)| version < *first).map(|(_, gap)| gap).collect()
}

/// The rules that leave everything open but what is hidden.
pub(super) fn seclude(seclusion: &Seclusion) -> io::Result<OwnedFd> {
    let handled = Handled::by(sys::landlock_version()).of_seclusion();
    let rules = handled.ruleset()?;
    seclusion.walk(&mut |place| handled.allow(&rules, place, u64::MAX, ResolveFlags::NO_SYMLINKS))?;
    Ok(rules)
}

/// The rules that leave nothing open but what a containment lists.
pub(super) fn contain(containment: &Containment) -> io::Result<OwnedFd> {
    let handled = Handled::by(sys::landlock_version());
    let rules = handled.ruleset()?;
    // Those of the system may be links, such as `/lib`, or have one, such as `/etc/resolv.conf`.
    for place in places::FACTS {
        handled.allow(&rules, Path::new(place), READ, ResolveFlags::empty())?;
    }
    for place in places::DEVICES {
        handled.allow(&rules, Path::new(place), !EXECUTE, ResolveFlags::empty())?;
    }
    let mut allow = |place: &Path| handled.allow(&rules, place, READ | EXECUTE, ResolveFlags::empty());
    let hidden = Seclusion { hidden: containment.hidden.clone(), open: Vec::new() };
    for place in places::PROGRAMS.iter().map(Path::new).chain(containment.read.iter().map(AsRef::as_ref)) {
        // What is granted by name in the folder of all servers is no server's own.
        if containment.hidden.iter().any(|hidden| place.starts_with(hidden)) {
            allow(place)?;
        }
        hidden.walk_from(place, &mut allow)?;
    }
    for place in containment.write.iter().chain([&containment.home]) {
        handled.allow(&rules, place, u64::MAX, ResolveFlags::NO_SYMLINKS)?;
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_landlock_forbids_less_and_says_what() {
        let all = Handled::by(7);
        assert_eq!((all.rights, all.scopes), ((1 << 16) - 1, 0b11));
        assert_eq!(Handled::by(5), Handled { scopes: 0, ..all });
        assert_eq!(Handled::by(4), Handled { rights: all.rights & !CONTROL, scopes: 0 });
        assert_eq!(Handled::by(2), Handled { rights: all.rights & !CONTROL & !TRUNCATE, scopes: 0 });
        assert_eq!(Handled::by(1).rights, (1 << 13) - 1);
        assert_eq!([7, 6, 5, 4, 2].map(|version| missing(version).len()), [0, 0, 1, 2, 3]);
        assert!(missing(5).concat().contains("signal"));
    }

    #[test]
    fn seclusion_forbids_what_it_always_did() {
        let rights = 1 << 1 | 1 << 2 | 1 << 14 | 0b1_1111_1111 << 4 | 1 << 13;
        assert_eq!(Handled::by(7).of_seclusion(), Handled { rights, scopes: 0 });
    }
}
