//! Namespaces and a file system of a server's own, made by this program where bubblewrap is not installed.
//!
//! The program re-executes itself under the name [`NAME`], with two files without names, the [`Plan`] and the filter of
//! calls, and the server's command line. It makes the namespaces and waits outside; the first process of its process
//! namespace makes the file system and waits inside for whatever loses its parent; the server is the second one. When
//! one of the three ends, so do the others.

use std::{
    convert::Infallible,
    ffi::OsString,
    fs::{self, DirBuilder, File},
    io,
    os::unix::{
        fs::{DirBuilderExt, symlink},
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use libc::sock_filter;
use rustix::{
    mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, unmount},
    process::{Pid, Signal, WaitOptions, chdir, getegid, geteuid, pivot_root, set_parent_process_death_signal},
    thread::UnshareFlags,
};

use super::plan::{Mount, Plan};
use crate::supervisor::guard::{restrictions, sys};

/// Name of such a process in the process list.
pub(in crate::supervisor::guard) const NAME: &str = "ostler-enclosure";

/// A folder that every machine has, for both roots until the new one is complete.
const BASE: &str = "/tmp";

/// Attributes of mounts (mount_setattr(2)).
const READ_ONLY: u64 = 1;
const NO_SET_UID: u64 = 2;
const NO_DEVICES: u64 = 4;

/// Devices of every server, and links beside them.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// Exit codes of a process that made no namespaces, and of one that could not become the server's program, as shells
/// have them.
const FAILED: i32 = 126;
const NOT_RUN: i32 = 127;

/// Does the work of such a process; the value is the exit code.
pub(in crate::supervisor::guard) fn run() -> i32 {
    enclose().unwrap_or_else(|why| {
        eprintln!("{why}");
        FAILED
    })
}

/// The server, and all that it needs.
struct Task {
    plan: Plan,
    filter: Vec<sock_filter>,
    program: OsString,
    args: Vec<OsString>,
}

/// Returns the code with which the server ended, in both waiting processes.
fn enclose() -> Result<i32, String> {
    let task = Task::read().map_err(|error| format!("it got nothing to enclose: {error}"))?;
    // Now, as the root changes for both.
    let null =
        File::options().read(true).write(true).open("/dev/null").map_err(|error| format!("/dev/null: {error}"))?;
    unshare().map_err(|error| format!("namespaces are refused: {error}"))?;
    if let Some(first) = fork()? {
        return task.wait_for(first, &null);
    }
    die_with_parent()?;
    make_root(&task.plan)?;
    if let Some(server) = fork()? {
        return task.wait_for(server, &null);
    }
    die_with_parent()?;
    let Err(error) = task.run();
    eprintln!("cannot run {}: {error}", task.program.display());
    Ok(NOT_RUN)
}

impl Task {
    fn read() -> io::Result<Self> {
        let mut arguments = std::env::args_os().skip(1);
        let mut next = || arguments.next().ok_or(io::ErrorKind::InvalidInput);
        let mut file = || fs::read(Path::new("/proc/self/fd").join(next()?));
        let (plan, filter) = (serde_json::from_slice(&file()?)?, instructions(&file()?));
        let program = next()?;
        sys::close_inherited()?;
        Ok(Self { plan, filter, program, args: arguments.collect() })
    }

    fn run(&self) -> Result<Infallible, io::Error> {
        chdir(&self.plan.dir)?;
        sys::reset_signals()?;
        restrictions::drop_capabilities()?;
        sys::filter_calls(&self.filter)?;
        Err(Command::new(&self.program).args(&self.args).exec())
    }

    /// Waits for this child, and all others; the code with which it ended. As little may be done by this process as by
    /// the server, which may reach into it, and the end of the server's pipes must be the server's.
    fn wait_for(&self, child: Pid, null: &File) -> Result<i32, String> {
        // The server has time to end when it is asked to.
        sys::ignore(&[Signal::TERM]);
        let let_go = restrictions::drop_capabilities().map_err(io::Error::from);
        let let_go = let_go.and_then(|()| let_go_of_pipes(null)).and_then(|()| sys::filter_calls(&self.filter));
        let_go.map_err(|error| format!("its rights cannot be given up: {error}"))?;
        loop {
            match rustix::process::wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) if pid == child => {
                    let status = ExitStatus::from_raw(status.as_raw());
                    let by_signal = || status.signal().map_or(FAILED, |signal| signal.saturating_add(128));
                    return Ok(status.code().unwrap_or_else(by_signal));
                }
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(format!("its end cannot be waited for: {error}")),
            }
        }
    }
}

/// Instructions from what the kernel has in memory.
fn instructions(bytes: &[u8]) -> Vec<sock_filter> {
    let (instructions, _) = bytes.as_chunks::<8>();
    let instruction = |[a, b, jt, jf, c, d, e, f]: &[u8; 8]| sock_filter {
        code: u16::from_ne_bytes([*a, *b]),
        jt: *jt,
        jf: *jf,
        k: u32::from_ne_bytes([*c, *d, *e, *f]),
    };
    instructions.iter().map(instruction).collect()
}

/// Makes the namespaces, with this user and group as they were.
fn unshare() -> io::Result<()> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    let all = UnshareFlags::NEWUSER | UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC;
    sys::unshare(all | UnshareFlags::NEWUTS)?;
    // Kernels may have none.
    let _ = sys::unshare(UnshareFlags::NEWCGROUP);
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

fn fork() -> Result<Option<Pid>, String> {
    sys::fork().map_err(|error| format!("a process is refused: {error}"))
}

fn die_with_parent() -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| format!("the kernel ends nothing: {error}"))
}

fn let_go_of_pipes(null: &File) -> io::Result<()> {
    rustix::stdio::dup2_stdin(null)?;
    rustix::stdio::dup2_stdout(null)?;
    Ok(rustix::stdio::dup2_stderr(null)?)
}

/// Makes a new root by the plan, and leaves the old one behind. The error names the step.
fn make_root(plan: &Plan) -> Result<(), String> {
    // Before the old root is elsewhere, as links may lead anywhere in it.
    let mounts: Vec<_> = plan.mounts.iter().map(|(mount, place)| (mount, place, place.canonicalize().ok())).collect();
    let base = || {
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        mount_in_memory(Path::new(BASE))?;
        for root in ["old", "new"] {
            fs::create_dir(Path::new(BASE).join(root))?;
        }
        pivot_root(BASE, Path::new(BASE).join("old"))?;
        chdir("/")?;
        // A root has to be a mount of its own.
        mount_bind_recursive("/new", "/new")?;
        io::Result::Ok(())
    };
    base().map_err(|error| format!("a root of its own is refused: {error}"))?;
    for (mount, place, real) in mounts {
        let made = make(mount, &under("/new", place), real.map(|real| under("/old", &real)));
        made.map_err(|error| format!("{} cannot be mounted: {error}", place.display()))?;
    }
    let leave = || {
        unmount("/old", UnmountFlags::DETACH)?;
        chdir("/new")?;
        pivot_root(".", ".")?;
        unmount(".", UnmountFlags::DETACH)?;
        chdir("/")?;
        sys::set_mount_attributes(c"/", READ_ONLY, false)
    };
    leave().map_err(|error| format!("the root outside cannot be left: {error}"))
}

/// A place below another root.
fn under(root: &str, place: &Path) -> PathBuf {
    Path::new(root).join(place.strip_prefix("/").unwrap_or(place))
}

/// Makes a mount at `place`, of what is at `real` outside, if that is there.
fn make(mount: &Mount, place: &Path, real: Option<PathBuf>) -> io::Result<()> {
    let of_outside = |attributes| real.as_deref().map_or(Ok(()), |real| bind(real, place, attributes));
    match mount {
        Mount::Read => of_outside(READ_ONLY | NO_SET_UID | NO_DEVICES),
        Mount::Write => of_outside(NO_SET_UID | NO_DEVICES),
        Mount::Device => of_outside(NO_SET_UID),
        Mount::Nothing => bind(Path::new("/old/dev/null"), place, READ_ONLY | NO_SET_UID | NO_DEVICES),
        Mount::Link(target) => {
            place.parent().map_or(Ok(()), make_folder)?;
            symlink(target, place)
        }
        Mount::Empty => {
            make_folder(place)?;
            mount_in_memory(place)
        }
        Mount::Processes => {
            make_folder(place)?;
            let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
            Ok(self::mount("proc", place, "proc", flags, None)?)
        }
        Mount::Devices => make_devices(place),
    }
}

fn make_devices(place: &Path) -> io::Result<()> {
    make_folder(place)?;
    mount_in_memory(place)?;
    for device in DEVICES {
        bind(&Path::new("/old/dev").join(device), &place.join(device), NO_SET_UID)?;
    }
    for (target, name) in DEVICE_LINKS {
        symlink(target, place.join(name))?;
    }
    for folder in ["shm", "pts"] {
        make_folder(&place.join(folder))?;
    }
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("devpts", place.join("pts"), "devpts", flags, Some(c"newinstance,ptmxmode=0666,mode=620"))?;
    Ok(())
}

/// Has what is at `from` at `place` as well, with all that is mounted below.
fn bind(from: &Path, place: &Path, attributes: u64) -> io::Result<()> {
    if from.is_dir() {
        make_folder(place)?;
    } else if !place.exists() {
        place.parent().map_or(Ok(()), make_folder)?;
        File::create(place)?;
    }
    mount_bind_recursive(from, place)?;
    let place = std::ffi::CString::new(place.as_os_str().as_encoded_bytes())?;
    sys::set_mount_attributes(&place, attributes, true)
}

fn make_folder(place: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(place)
}

fn mount_in_memory(place: &Path) -> io::Result<()> {
    Ok(mount("tmpfs", place, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(c"mode=0755"))?)
}
