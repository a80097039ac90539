//! [`Enclosure`]: the level strict, namespaces and a file system of a server's own, made by bubblewrap (bwrap(1)).
//!
//! The server sees no other process, and of files only those that it may reach: nothing is mounted besides. What it may
//! not call, its filter refuses as at the level standard. Before it starts, a program that runs just like it looks for
//! the canary. Landlock would keep bubblewrap from mounting, and would add nothing.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Seek, Write},
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use libc::sock_filter;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::{
    model::SandboxLevel,
    supervisor::{
        containment::Containment,
        guard::{filter, places, spec::Spec},
        temporary::Temporary,
    },
};

/// Places of bubblewrap: not those on PATH, where a server that is not contained may have put something.
const PROGRAMS: [&str; 4] =
    ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap", "/run/current-system/sw/bin/bwrap"];

/// The program that looks for the canary.
const TEST: &str = "/usr/bin/test";

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

/// Folders of a server's own, which begin empty.
const FRESH: [&str; 8] = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run"];

const REMEDY: &str = "to run it less closely contained, set its sandbox level to standard";

/// Arguments of bubblewrap, in files without names: its command line can be read by everybody, and by the server.
pub(super) struct Enclosure {
    program: PathBuf,
    arguments: File,
    filter: File,
}

impl Enclosure {
    /// Makes and tries that of `spec`, if its level is strict. The error says why it cannot be had, and what helps.
    pub(super) fn of(spec: &Spec) -> Result<Option<Self>, String> {
        let is_strict = |containment: &&Containment| containment.level == SandboxLevel::Strict;
        let Some(containment) = spec.containment.as_ref().filter(is_strict) else { return Ok(None) };
        let made = Self::make(containment, spec).and_then(|enclosure| {
            enclosure.prove(&containment.canary)?;
            Ok(enclosure)
        });
        made.map(Some).map_err(|why| format!("{why}; {REMEDY}"))
    }

    fn make(containment: &Containment, spec: &Spec) -> Result<Self, String> {
        let program = PROGRAMS.iter().map(PathBuf::from).find(|place| place.is_file()).ok_or(
            "the sandbox level strict takes bubblewrap, which is not installed (most distributions have a package \
             `bubblewrap`)",
        )?;
        let filter = filter::program(containment).ok_or("there is no filter of system calls for this processor")?;
        let in_words = |error: io::Error| format!("bubblewrap cannot be given its arguments: {error}");
        let dir = spec.working_dir();
        if !is_seen(containment, dir) {
            return Err(format!("its working directory {} is not granted to it", dir.display()));
        }
        let arguments = arguments(containment, dir, spec.temporary.as_ref());
        let arguments: Vec<u8> = arguments.iter().flat_map(|argument| [argument.as_bytes(), b"\0"].concat()).collect();
        let filter: Vec<u8> = filter.iter().flat_map(instruction_bytes).collect();
        Ok(Self {
            program,
            arguments: unnamed_file(&arguments).map_err(in_words)?,
            filter: unnamed_file(&filter).map_err(in_words)?,
        })
    }

    /// A command that runs a program inside, with the arguments that are added to it. It must be started before another
    /// is made.
    pub(super) fn command(&self, program: &str) -> io::Result<Command> {
        let mut command = Command::new(&self.program);
        for (option, mut file) in [("--args", &self.arguments), ("--seccomp", &self.filter)] {
            file.rewind()?;
            command.arg(option).arg(file.as_raw_fd().to_string());
        }
        command.arg("--").arg(program);
        Ok(command)
    }

    /// Looks for the canary from within.
    fn prove(&self, canary: &Path) -> Result<(), String> {
        // What is not there anyhow would prove nothing.
        fs::metadata(canary).map_err(|error| format!("nothing proves it: {}: {error}", canary.display()))?;
        let look =
            |mut command: Command| command.args(["!", "-e"]).arg(canary).env_clear().stdin(Stdio::null()).output();
        let seen = self.command(TEST).and_then(look).map_err(|error| format!("bubblewrap cannot be run: {error}"))?;
        let said = String::from_utf8_lossy(&seen.stderr);
        match (seen.status.success(), said.lines().next()) {
            (true, _) => Ok(()),
            (false, Some(line)) => Err(format!("bubblewrap does not run on this machine: {line}")),
            (false, None) => Err("it could see a file of Ostler's from within".into()),
        }
    }
}

/// True for a folder that is there inside.
fn is_seen(containment: &Containment, folder: &Path) -> bool {
    let granted = containment.read.iter().chain(&containment.write).chain([&containment.home]);
    let mut seen = granted.map(PathBuf::as_path).chain(places::PROGRAMS.iter().map(Path::new));
    seen.any(|place| folder.starts_with(place))
}

/// The arguments of bubblewrap. Later mounts lie over earlier ones.
fn arguments(containment: &Containment, dir: &Path, temporary: Option<&Temporary>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = NAMESPACES.iter().chain(&FRESH).map(OsString::from).collect();
    let mut mount = |kind: &str, from: &Path, place: &Path| arguments.extend([kind.into(), from.into(), place.into()]);
    if let Some(temporary) = temporary {
        mount("--symlink", temporary.folder(), temporary.link());
    }
    for place in places::PROGRAMS.iter().map(Path::new) {
        match fs::read_link(place) {
            Ok(target) => mount("--symlink", &target, place),
            Err(_) => mount("--ro-bind-try", place, place),
        }
    }
    let is_in_etc = |place: &&Path| place.starts_with("/etc");
    for place in places::FACTS.iter().map(Path::new).filter(is_in_etc) {
        mount("--ro-bind-try", place, place);
    }
    let read = || places::PROGRAMS.iter().map(Path::new).chain(containment.read.iter().map(PathBuf::as_path));
    // Of processes outside there is nothing inside, and usual devices are there.
    let is_needed = |place: &&PathBuf| {
        !place.starts_with("/proc") && !places::DEVICES.iter().any(|device| place.as_path() == Path::new(device))
    };
    for place in containment.read.iter().filter(is_needed) {
        // Mounted otherwise, a device cannot be opened.
        mount(if place.starts_with("/dev") { "--dev-bind-try" } else { "--ro-bind-try" }, place, place);
    }
    for hidden in containment.hidden.iter().filter(|hidden| read().any(|place| hidden.starts_with(place))) {
        if hidden.is_dir() {
            arguments.extend(["--tmpfs".into(), hidden.into()]);
        } else if hidden.exists() {
            arguments.extend(["--ro-bind".into(), "/dev/null".into(), hidden.into()]);
        }
    }
    for place in containment.write.iter().filter(is_needed).chain([&containment.home]) {
        let kind = if place.starts_with("/dev") { "--dev-bind-try" } else { "--bind-try" };
        arguments.extend([kind.into(), place.into(), place.into()]);
    }
    // Folders above the mounts are in memory, and would be the server's to fill.
    arguments.extend(["--remount-ro".into(), "/".into(), "--chdir".into(), dir.into()]);
    arguments
}

/// A file in memory, which programs started from here inherit.
fn unnamed_file(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("bwrap", MemfdFlags::empty())?);
    file.write_all(content)?;
    Ok(file)
}

/// An instruction as the kernel has it in memory.
fn instruction_bytes(sock_filter { code, jt, jf, k }: &sock_filter) -> Vec<u8> {
    [code.to_ne_bytes().as_slice(), &[*jt, *jf], &k.to_ne_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_mounted_but_what_is_granted_and_the_hidden_lies_over_it() {
        let containment = Containment {
            home: "/srv/own/1".into(),
            read: ["/srv/app", "/proc/1/root", "/dev/null", "/dev/snd"].map(PathBuf::from).into(),
            write: vec!["/srv/files".into()],
            hidden: ["/usr/bin", "/usr/bin/env", "/var/lib/ostler"].map(PathBuf::from).into(),
            ..Containment::default()
        };
        let temporary = Temporary::beside(Path::new("/srv/own/1"));
        let arguments = arguments(&containment, Path::new("/srv/own/1"), Some(&temporary));
        let text: Vec<_> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
        let text = text.join(" ");
        let after = "--ro-bind-try /srv/app /srv/app --dev-bind-try /dev/snd /dev/snd --tmpfs /usr/bin --ro-bind \
                     /dev/null /usr/bin/env --bind-try /srv/files /srv/files --bind-try /srv/own/1 /srv/own/1 \
                     --remount-ro / --chdir /srv/own/1";
        assert!(text.ends_with(after), "{text}");
        let link = format!("--symlink {} {}", temporary.folder().display(), temporary.link().display());
        assert!(text.contains(&link), "{text}");
        assert!(text.contains("--ro-bind-try /etc/passwd /etc/passwd"), "{text}");
        for absent in ["/etc/shadow", "/var", "/home", "/root", "/proc/1", "--setenv", "/sys"] {
            assert!(!text.contains(absent), "{absent}: {text}");
        }
    }

    #[test]
    fn an_instruction_is_eight_bytes() {
        let instruction = sock_filter { code: 0x0102, jt: 3, jf: 4, k: 0x0506_0708 };
        let expected = [&0x0102_u16.to_ne_bytes()[..], &[3, 4], &0x0506_0708_u32.to_ne_bytes()].concat();
        assert_eq!(instruction_bytes(&instruction), expected);
    }
}
