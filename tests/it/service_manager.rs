//! What a service manager such as systemd is told over its socket (`sd_notify(3)`).

use std::{
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    time::Duration,
};

use crate::support::{processes::environment, *};

/// The next thing that is said.
#[track_caller]
fn hear(socket: &UnixDatagram) -> String {
    let mut message = [0; 100];
    socket.set_read_timeout(Some(seconds(30))).unwrap();
    let length = socket.recv(&mut message).expect("nothing was said");
    String::from_utf8(message[..length].to_vec()).unwrap()
}

/// All that was said since.
fn hear_rest(socket: &UnixDatagram) -> Vec<String> {
    socket.set_nonblocking(true).unwrap();
    let mut message = [0; 100];
    let next = || socket.recv(&mut message).ok().map(|length| String::from_utf8_lossy(&message[..length]).into_owned());
    std::iter::from_fn(next).collect()
}

#[test]
fn it_hears_that_requests_are_answered_and_that_ostler_stops() {
    let setup = Setup::new();
    let path = setup.home.join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut ostler = setup.env("NOTIFY_SOCKET", path.to_str().unwrap()).spawn();
    assert_eq!(hear(&socket), "READY=1");
    let server = ostler.admin().running(fake("ok"));
    assert!(!environment(server.pid()).contains_key("NOTIFY_SOCKET"), "a server could speak for Ostler");
    assert_eq!(ostler.terminate().code(), Some(0));
    assert_eq!(hear_rest(&socket), ["STOPPING=1"]);
}

#[test]
fn its_watchdog_is_fed_again_and_again_over_an_abstract_socket_too() {
    let setup = Setup::new();
    let name = format!("ostler-{}", setup.tag);
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let limit = Duration::from_secs(4).as_micros().to_string();
    let mut ostler = setup.env("NOTIFY_SOCKET", &format!("@{name}")).env("WATCHDOG_USEC", &limit).spawn();
    assert_eq!(hear(&socket), "READY=1");
    (0..3).for_each(|_| assert_eq!(hear(&socket), "WATCHDOG=1"));
    ostler.terminate();
    assert_eq!(hear_rest(&socket).last().unwrap(), "STOPPING=1");
}

#[test]
fn nothing_depends_on_it() {
    let mut ostler = Ostler::with(&[("NOTIFY_SOCKET", "/nowhere/at/all"), ("WATCHDOG_USEC", "1000")]);
    eventually("the log says so", || ostler.errors().contains("NOTIFY_SOCKET").then_some(()));
    ostler.admin().running(fake("ok")).call("echo", json!({"message": "x"})).is(200);
    assert_eq!(ostler.terminate().code(), Some(0));
}
