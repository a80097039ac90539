//! Facilities of this machine to keep servers apart, found by trying them.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::fs::{Access, access};

use crate::{
    policy::{
        facilities::{ControlGroups, Findings, Hierarchy, NamespaceTrial},
        payload,
    },
    supervisor::{
        guard::{self, enclosure, sys},
        limit_support::limit_support,
        orphans::GuardProcess,
        servers_user::ServersUser,
    },
};

/// Longest silence of a program that is tried.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Most bytes of what a program says.
const SAID_BYTES_MAX: u64 = 64 << 10;

/// Most bytes of its first line.
const LINE_BYTES_MAX: usize = 300;

/// A trigger of stalls for memory of 150 ms within 2 s, which is the shortest time for users who are not root. The
/// kernel takes the last byte for the end of the text.
const PRESSURE_TRIGGER: &str = "some 150000 2000000\0";

/// Tries everything; `guard` is the program that guards servers, and `servers_user` the account that they are to run
/// as. Blocks, for some hundredths of a second, and for 10 s where a program hangs.
#[must_use]
pub fn probe(guard: &Path, servers_user: Option<&str>) -> Findings {
    let user = rustix::process::geteuid();
    let servers_user = servers_user.map(|name| ServersUser::find(name).map(|found| found.name));
    Findings {
        landlock: landlock(),
        seccomp: fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").ok(),
        namespaces: namespaces(guard),
        bubblewrap: bubblewrap(),
        control_groups: control_groups(),
        pressure: pressure().err().map(|error| error.raw_os_error().unwrap_or_default()),
        user: user.as_raw(),
        limits: limit_support(user.is_root() && !matches!(servers_user, Some(Ok(_)))),
        servers_user,
    }
}

/// The version that a program tells, its first line; `Err` says why there is none. Blocks, as [`probe`] does.
pub fn version_of(program: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    command.arg("--version");
    match said_by(command) {
        Ok((true, said)) => Ok(first_line(&said)),
        Ok((false, said)) => Err(format!("it fails: {}", first_line(&said))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("it is not on PATH".into()),
        Err(error) => Err(format!("it does not run: {error}")),
    }
}

fn landlock() -> Result<i64, i32> {
    let version = sys::landlock_version();
    if version >= 0 { Ok(version) } else { Err(io::Error::last_os_error().raw_os_error().unwrap_or_default()) }
}

fn namespaces(guard: &Path) -> Result<NamespaceTrial, String> {
    let mut command = Command::new(guard);
    command.arg0(guard::PROBE).env_clear();
    let (_, said) = said_by(command).map_err(|error| error.to_string())?;
    serde_json::from_str(&said).map_err(|_| "the program that guards servers does not probe".into())
}

fn bubblewrap() -> Option<String> {
    Some(match said_by(enclosure::trial()?) {
        Ok((true, _)) => String::new(),
        Ok((false, said)) if said.trim().is_empty() => "it fails without a word".into(),
        Ok((false, said)) => first_line(&said),
        Err(error) => error.to_string(),
    })
}

fn pressure() -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open("/proc/pressure/memory")?;
    file.write_all(PRESSURE_TRIGGER.as_bytes())
}

/// The hierarchies that are mounted, at the groups of this process.
fn control_groups() -> ControlGroups {
    let of_process = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut groups = ControlGroups::default();
    for line in of_process.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
        let Some(folder) = mounts.lines().find_map(|mount| folder_of(mount, controllers, group)) else { continue };
        let is_writable = access(&*folder, Access::WRITE_OK).is_ok();
        let words = |text: &str, between: char| text.split(between).map(|word| word.trim().to_owned()).collect();
        if controllers.is_empty() {
            let listed = fs::read_to_string(format!("{folder}/cgroup.controllers")).unwrap_or_default();
            groups.unified = Some(Hierarchy { controllers: words(&listed, ' '), is_writable });
        } else {
            groups.legacy.push(Hierarchy { controllers: words(controllers, ','), is_writable });
        }
    }
    groups
}

/// The folder of `group` in the hierarchy with these controllers (none: version 2), if `mount` is its line in
/// `mountinfo`.
fn folder_of(mount: &str, controllers: &str, group: &str) -> Option<String> {
    let (place, system) = mount.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (root, point) = (place.next()?, place.next()?);
    let mut system = system.split(' ');
    let kind = system.next()?;
    let is_it = if controllers.is_empty() {
        kind == "cgroup2"
    } else {
        let options = system.nth(1)?;
        kind == "cgroup" && controllers.split(',').all(|wanted| options.split(',').any(|option| option == wanted))
    };
    // A container may see a part of the hierarchy, mounted at its own group.
    let below = group.strip_prefix(root.trim_end_matches('/')).unwrap_or_default();
    is_it.then(|| format!("{point}{below}"))
}

/// Runs a program without input to its end; returns whether it succeeded, and what it wrote.
fn said_by(mut command: Command) -> io::Result<(bool, String)> {
    let (ours, theirs) = UnixStream::pair()?;
    let theirs = OwnedFd::from(theirs);
    command.stdin(Stdio::null()).stdout(theirs.try_clone()?).stderr(theirs);
    let mut program = GuardProcess::spawn(&mut command)?;
    // It keeps their end of the socket.
    drop(command);
    ours.set_read_timeout(Some(SILENCE_MAX))?;
    let mut said = Vec::new();
    let read = (&ours).take(SAID_BYTES_MAX).read_to_end(&mut said);
    if read.is_err() {
        program.kill()?;
    }
    drop(ours);
    let status = program.wait()?;
    read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
    Ok((status.success(), String::from_utf8_lossy(&said).into_owned()))
}

fn first_line(said: &str) -> String {
    let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    payload::shortened(line, LINE_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hierarchy_is_found_by_its_controllers_and_the_group_of_the_process() {
        let first = "31 23 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory";
        let both = "32 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct";
        let second = "33 23 0:28 /box /sys/fs/cgroup ro - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(folder_of(first, "memory", "/a").as_deref(), Some("/sys/fs/cgroup/memory/a"));
        assert_eq!(folder_of(first, "pids", "/a"), None);
        assert_eq!(folder_of(both, "cpu,cpuacct", "/").as_deref(), Some("/sys/fs/cgroup/cpu,cpuacct/"));
        assert_eq!(folder_of(second, "", "/box/1").as_deref(), Some("/sys/fs/cgroup/1"));
        assert_eq!(folder_of(second, "memory", "/box/1"), None);
    }

    #[test]
    fn a_program_tells_its_version_or_why_not() {
        assert!(version_of("sh-that-is-not-there").unwrap_err().contains("PATH"));
        let said = said_by(Command::new("true")).unwrap();
        assert_eq!(said, (true, String::new()));
        let mut fails = Command::new("sh");
        fails.args(["-c", "echo; echo no >&2; exit 1"]);
        let (succeeded, said) = said_by(fails).unwrap();
        assert!(!succeeded);
        assert_eq!(first_line(&said), "no");
    }
}
