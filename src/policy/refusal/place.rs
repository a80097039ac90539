//! Places in the file system: what lies in which, and what may be proposed to be granted.

use crate::{
    model::{Grant, Refusal, SandboxLevel},
    policy::{
        grants::{PRIVATE, WIDE},
        payload,
        refusal::{containment::ContainedProcess, lines::refusal},
        sandbox::PATH_BYTES_MAX,
    },
};

/// Folders of the kernel about processes and devices: granted by list, never by path.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Folders that every server may read.
const SYSTEM: [&str; 5] = ["/usr", "/bin", "/lib", "/lib64", "/sbin"];

/// Bytes of a path in a reason, and so in every list that shows it.
const SHOWN_BYTES_MAX: usize = 200;

/// The attempt that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// To read it, or to write it: a program's words do not say.
    Open,
    /// To change it and what is in it.
    Change,
    /// To make or remove it, which changes the folder that it is in.
    MakeEntry,
}

/// The refusal of this access to `path`; `None` where the sandbox grants it, so that something else refused it.
pub(super) fn refused(
    path: &str,
    access: Access,
    ContainedProcess { sandbox, own }: ContainedProcess<'_>,
) -> Option<Refusal> {
    let path = path.trim_end_matches('/');
    let of_list = |list: &[String]| list.iter().any(|granted| is_in(path, granted));
    let is_own = own.iter().any(|own| is_in(path, own)) || of_list(&sandbox.paths.write);
    if is_own || access == Access::Open && is_in_any(path, &SYSTEM) {
        return None;
    }
    if is_of_package(path) {
        let why = "in its own package, which servers share and none may change: name another place for it by an option or \
                   a variable of that program, or run its launcher as it is (`launcher`: `keep`)";
        return Some(refusal(format!("it writes {} {why}", shown(path)), None));
    }
    let target = if access == Access::MakeEntry { path.rsplit_once('/')?.0 } else { path };
    let changes = access != Access::Open || of_list(&sandbox.paths.read);
    let is_strict = sandbox.level == Some(SandboxLevel::Strict);
    let named = shown(target);
    if is_in_any(path, &KERNEL) {
        return Some(refusal(format!("its sandbox keeps other processes and devices from it: {}", shown(path)), None));
    }
    if is_private(path) {
        let why = "where keys and passwords lie: give it what it needs in `env`";
        return Some(refusal(format!("its sandbox keeps {} from it, {why}", shown(path)), None));
    }
    let (grant, setting, verb) = if changes {
        (Grant::Write { path: target.into() }, "sandbox.paths.write", "writing to ")
    } else {
        (Grant::Read { path: target.into() }, "sandbox.paths.read", "")
    };
    if !is_grantable(target) {
        let named = if target.is_empty() { "/".into() } else { named };
        let why = format!("which holds too much to be granted: grant a folder in it with `{setting}`");
        return Some(refusal(format!("its sandbox does not grant {verb}{named}, {why}"), None));
    }
    let reason = if is_strict && !changes {
        format!("its sandbox does not show it {named}: if that is there, allow it with `{setting}`")
    } else {
        format!("its sandbox does not grant {verb}{named}: allow it with `{setting}`")
    };
    Some(refusal(reason, Some(grant)))
}

/// True when `path` is `folder`, or lies in it.
fn is_in(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_in_any(path: &str, folders: &[&str]) -> bool {
    folders.iter().any(|folder| is_in(path, folder))
}

/// True for a place in an installed package (`packages/npm/HASH/…`).
fn is_of_package(path: &str) -> bool {
    let is_hash = |name: &str| name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let names: Vec<_> = path.split('/').collect();
    names.windows(3).any(|names| matches!(names, ["packages", "npm" | "pypi", hash] if is_hash(hash)))
}

fn is_private(path: &str) -> bool {
    path.split('/').any(|name| PRIVATE.contains(&name) || name.starts_with("id_") || name.ends_with(".pem"))
}

/// True for what a sandbox may be proposed to grant: no folder that holds everything, no home, no way around.
pub(super) fn is_grantable(path: &str) -> bool {
    let is_home = path.strip_prefix("/home/").is_some_and(|name| !name.contains('/'));
    let winds = path.split('/').skip(1).any(|name| ["", ".", ".."].contains(&name));
    !(WIDE.contains(&path) || is_home || winds || is_private(path) || path.len() > PATH_BYTES_MAX)
}

/// The path as a reason shows it.
pub(super) fn shown(path: &str) -> String {
    payload::shortened(path, SHOWN_BYTES_MAX)
}
