//! Attempts of a hostile server to reach what is not its own, each by name.
//!
//! To add one: a line in [`run`], and its row in the table of `tests/it/sandbox.rs`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixDatagram, UnixListener, UnixStream},
        },
    },
};

use rustix::{
    process::{Pid, Resource, Rlimit, Signal},
    thread::CpuSet,
};

/// Makes an attempt on a path, a name or a process; `done`, or the error of the kernel.
pub(crate) fn run(kind: &str, target: &str) -> String {
    match attempt(kind, target) {
        Ok(()) => "done".into(),
        Err(error) => error.to_string(),
    }
}

fn attempt(kind: &str, target: &str) -> io::Result<()> {
    match kind {
        "read" => File::open(target)?.read(&mut [0]).map(drop),
        "list" => fs::read_dir(target).map(drop),
        "read-link" => fs::read_link(target).map(drop),
        "append" => OpenOptions::new().append(true).open(target)?.write_all(b"x"),
        "empty" => OpenOptions::new().write(true).truncate(true).open(target).map(drop),
        "make" => fs::write(target, "").and_then(|()| fs::remove_file(target)),
        "make-folder" => fs::create_dir(target).and_then(|()| fs::remove_dir(target)),
        "rename" => {
            fs::rename(target, format!("{target}.moved")).and_then(|()| fs::rename(format!("{target}.moved"), target))
        }
        "open-to-all" => fs::set_permissions(target, fs::Permissions::from_mode(0o644)),
        "run" => std::process::Command::new(target).arg("--help").output().map(drop),
        "connect" => UnixStream::connect(target).map(drop),
        "connect-abstract" => {
            let address = SocketAddr::from_abstract_name(target)?;
            UnixDatagram::unbound()?.connect_addr(&address)
        }
        // As a browser does, and leaves it there.
        "listen-in-temporary" => {
            let folder = std::env::temp_dir().join(target);
            fs::create_dir(&folder)?;
            UnixListener::bind(folder.join("SingletonSocket")).map(drop)
        }
        "pair-of-sockets" => UnixStream::pair().map(drop),
        "change-root" => Ok(rustix::process::chroot("/")?),
        _ => on_process(kind, target.parse().ok().and_then(Pid::from_raw)),
    }
}

/// On a process: `None` is one's own.
fn on_process(kind: &str, pid: Option<Pid>) -> io::Result<()> {
    let one = pid.unwrap_or_else(rustix::process::getpid);
    match kind {
        "signal" => Ok(rustix::process::kill_process(one, Signal::CONT)?),
        "limit" => {
            let limit = Rlimit { current: Some(64), maximum: Some(512) };
            Ok(rustix::process::prlimit(pid, Resource::Nofile, limit).map(drop)?)
        }
        "priority" => Ok(rustix::process::setpriority_process(pid, 19)?),
        "priority-of-user" => Ok(rustix::process::setpriority_user(rustix::process::getuid(), 0)?),
        "affinity" => {
            let mut processors = CpuSet::new();
            processors.set(0);
            Ok(rustix::thread::sched_setaffinity(pid, &processors)?)
        }
        unknown => Err(io::Error::other(format!("no such attempt: {unknown}"))),
    }
}
