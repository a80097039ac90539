//! Attempts of a hostile server to reach what is not its own, each by name.
//!
//! To add one: a line in [`attempt`] or in the file of its kind, and its row in `tests/it/sandbox/attempts.rs`.

mod kernel;
mod processes;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{PermissionsExt, symlink},
            net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener, UnixStream},
        },
    },
    process::Command,
    time::Duration,
};

use rustix::{
    fs::inotify,
    net::{AddressFamily, SocketType},
};

/// Time for an answer over the network.
const NETWORK_PATIENCE: Duration = Duration::from_secs(5);

/// Makes an attempt on a path, a name, an address or a process; `done`, or the error of the kernel.
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
        "look-at" => fs::metadata(target).map(drop),
        "read-link" => fs::read_link(target).map(drop),
        "append" => OpenOptions::new().append(true).open(target)?.write_all(b"x"),
        "open-to-write" => OpenOptions::new().write(true).open(target).map(drop),
        "empty" => OpenOptions::new().write(true).truncate(true).open(target).map(drop),
        "make" => fs::write(target, "").and_then(|()| fs::remove_file(target)),
        "make-folder" => fs::create_dir(target).and_then(|()| fs::remove_dir(target)),
        "rename" => {
            fs::rename(target, format!("{target}.moved")).and_then(|()| fs::rename(format!("{target}.moved"), target))
        }
        "open-to-all" => fs::set_permissions(target, fs::Permissions::from_mode(0o644)),
        "name-once-more" => fs::hard_link(target, "name").and_then(|()| fs::remove_file("name")),
        "read-by-link" => {
            symlink(target, "link")?;
            let read = attempt("read", "link");
            fs::remove_file("link").and(read)
        }
        // As a browser does, and leaves it there.
        "listen-in-temporary" => {
            let folder = std::env::temp_dir().join(target);
            fs::create_dir(&folder)?;
            UnixListener::bind(folder.join("SingletonSocket")).map(drop)
        }
        "be-told-of-changes" => {
            let watch = inotify::init(inotify::CreateFlags::CLOEXEC)?;
            Ok(inotify::add_watch(watch, target, inotify::WatchFlags::ALL_EVENTS).map(drop)?)
        }
        "have-run-as-owner" => {
            fs::write("program", "")?;
            fs::set_permissions("program", fs::Permissions::from_mode(0o4755))
        }
        "run" => Command::new(target).arg("--help").output().map(drop),
        _ => on_sockets(kind, target),
    }
}

fn on_sockets(kind: &str, target: &str) -> io::Result<()> {
    let address = || target.parse::<SocketAddr>().map_err(io::Error::other);
    match kind {
        "connect" => UnixStream::connect(target).map(drop),
        "connect-abstract" => {
            let address = UnixAddress::from_abstract_name(target)?;
            UnixDatagram::unbound()?.connect_addr(&address)
        }
        "send-from-pair" => UnixDatagram::pair()?.0.send_to(b"x", target).map(drop),
        "call-host-of-machine" => {
            let socket = rustix::net::socket(AddressFamily::VSOCK, SocketType::STREAM, None);
            Ok(socket.map(drop)?)
        }
        "pair-of-sockets" => UnixStream::pair().map(drop),
        "dial" => TcpStream::connect_timeout(&address()?, NETWORK_PATIENCE).map(drop),
        "ask-by-datagram" => {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_read_timeout(Some(NETWORK_PATIENCE))?;
            socket.connect(address()?)?;
            socket.send(b"x")?;
            socket.recv(&mut [0]).map(drop)
        }
        _ => processes::attempt(kind, target).unwrap_or_else(|| kernel::attempt(kind, target)),
    }
}
