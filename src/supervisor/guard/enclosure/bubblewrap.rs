//! A plan as arguments of bubblewrap (bwrap(1)).

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use super::plan::{self, Mount, Plan};

/// Places of bubblewrap: not those on PATH, where a server that is not contained may have put something.
const PROGRAMS: [&str; 4] =
    ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap", "/run/current-system/sw/bin/bwrap"];

/// Namespaces and capabilities. The network is the guard's, which has made one if the server has its own.
const NAMESPACES: [&str; 9] = [
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
];

/// Bubblewrap, where it is installed.
pub(super) fn installed() -> Option<PathBuf> {
    PROGRAMS.iter().map(PathBuf::from).find(|place| place.is_file())
}

/// A command that does nothing in namespaces and fresh folders as a server has them; `None` without bubblewrap.
pub(in crate::supervisor) fn trial() -> Option<Command> {
    let mut command = Command::new(installed()?);
    command.args(NAMESPACES).args(["--ro-bind", "/", "/"]);
    command.args(plan::fresh().iter().flat_map(|(mount, place)| words(mount, place)));
    command.args(["--", "/usr/bin/true"]);
    Some(command)
}

/// The arguments, but for the program.
pub(super) fn arguments(plan: &Plan) -> Vec<OsString> {
    let mounts = plan.mounts.iter().flat_map(|(mount, place)| words(mount, place));
    // Folders above the mounts are in memory, and would be the server's to fill.
    let last: [OsString; 4] = ["--remount-ro".into(), "/".into(), "--chdir".into(), plan.dir.clone().into()];
    NAMESPACES.iter().map(OsString::from).chain(mounts).chain(last).collect()
}

fn words(mount: &Mount, place: &Path) -> Vec<OsString> {
    let of = |option: &str, from: &Path| vec![option.into(), from.into(), place.into()];
    match mount {
        Mount::Read => of("--ro-bind-try", place),
        Mount::Write => of("--bind-try", place),
        Mount::Device => of("--dev-bind-try", place),
        Mount::Link(target) => of("--symlink", target),
        Mount::Nothing => of("--ro-bind", Path::new("/dev/null")),
        Mount::Empty => vec!["--tmpfs".into(), place.into()],
        // It takes settings that it does not cover for read-only.
        Mount::Processes => vec!["--proc".into(), place.into(), "--remount-ro".into(), place.into()],
        Mount::Devices => vec!["--dev".into(), place.into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::{containment::Containment, temporary::Temporary};

    #[test]
    fn nothing_is_mounted_but_what_is_granted_and_the_hidden_lies_over_it() {
        let containment = Containment {
            home: "/srv/own/1".into(),
            read: ["/usr/bin/in", "/srv/app", "/proc/1/root", "/dev/null", "/dev/snd"].map(PathBuf::from).into(),
            write: vec!["/srv/files".into()],
            hidden: ["/usr/bin", "/usr/bin/env", "/var/lib/ostler"].map(PathBuf::from).into(),
            ..Containment::default()
        };
        let temporary = Temporary::beside(&containment.home);
        let arguments = arguments(&Plan::of(&containment, &containment.home, Some(&temporary)).unwrap());
        let text: Vec<_> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
        let text = text.join(" ");
        let after = "--ro-bind-try /srv/app /srv/app --dev-bind-try /dev/snd /dev/snd --tmpfs /usr/bin --ro-bind \
                     /dev/null /usr/bin/env --ro-bind-try /usr/bin/in /usr/bin/in --bind-try /srv/files /srv/files \
                     --bind-try /srv/own/1 /srv/own/1 --remount-ro / --chdir /srv/own/1";
        assert!(text.ends_with(after), "{text}");
        let link = format!("--symlink {} {}", temporary.folder().display(), temporary.link().display());
        assert!(text.contains(&link) && text.contains("--proc /proc --remount-ro /proc"), "{text}");
        assert!(text.contains("--ro-bind-try /etc/passwd /etc/passwd"), "{text}");
        for absent in ["/etc/shadow", "/var", "/home", "/root", "/proc/1", "--setenv", "/sys"] {
            assert!(!text.contains(absent), "{absent}: {text}");
        }
    }
}
