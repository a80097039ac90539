//! A network without a way out for the server: a loopback interface to which every address belongs, and sockets there
//! that Ostler serves at.
//!
//! Every address, as programs may use the name server of this machine, and connect to what they were answered. More is
//! in [`crate::supervisor::egress`].

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
        sockopt::set_socket_reuseaddr,
    },
    process::{DumpableBehavior, getgid, getuid, set_dumpable_behavior},
    thread::UnshareFlags,
};

use super::{handoff, spec::Spec, sys};

/// The port of name servers.
const DNS_PORT: u16 = 53;

/// The ports that may be connected to outside.
const PORTS: [u16; 2] = [80, 443];

/// Most name servers that programs ask (resolv.conf(5)).
const NAME_SERVERS_MAX: usize = 3;

/// The index of the loopback interface, the first of each network.
const LOOPBACK: u32 = 1;

/// Kinds of netlink messages, and flags of requests (rtnetlink(7)).
const ERROR: u16 = 2;
const NEW_LINK: u16 = 16;
const NEW_ROUTE: u16 = 24;
const REQUEST_WITH_ACK: u16 = 1 | 4;
const CREATE: u16 = 0x400;

/// The one setting that lets a server run where it can be given no network of its own.
const REMEDY: &str = "to run it all the same, with any network, set sandbox.network to full";

/// Moves this process, and the server of `spec` that it starts, into a network of its own, and hands sockets in it to
/// Ostler. The error is for people.
pub(super) fn leave(handoff: &UnixStream, spec: &Spec) -> Result<(), String> {
    if spec.containment.is_none() {
        return Err(format!("at the sandbox level none, a server can leave any network; {REMEDY}"));
    }
    let in_words = |what| move |error: io::Error| format!("{what}: {error}; {REMEDY}");
    unshare(spec.user().is_some()).map_err(in_words("this machine makes no network namespace for it"))?;
    set_up_loopback().map_err(in_words("the loopback interface of its network cannot be set up"))?;
    let handed_over = sockets().and_then(|sockets| handoff::send(handoff, &sockets));
    handed_over.map_err(in_words("no sockets can be made in its network"))
}

/// Makes the network: by itself where this user may, and else as the owner of a user namespace, in which this user and
/// group are as they were; so not where it `becomes` another user later.
fn unshare(becomes_another: bool) -> io::Result<()> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    match sys::unshare(UnshareFlags::NEWNET) {
        Err(Errno::PERM) if !becomes_another => sys::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)?,
        done => return Ok(done?),
    }
    // A process that is not dumpable may not write its own files in /proc.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    let same = |id: u32| format!("{id} {id} 1");
    // An unprivileged process gives up setting groups before it may map one.
    let files = [("uid_map", same(user)), ("setgroups", "deny".into()), ("gid_map", same(group))];
    let written = files.iter().try_for_each(|(file, text)| fs::write(format!("/proc/self/{file}"), text));
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    written
}

/// Starts the loopback interface, and makes all addresses this machine's.
fn set_up_loopback() -> io::Result<()> {
    // The protocol without a name is that of routes and interfaces.
    let netlink = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let request = |kind, flags, body: &[u8]| {
        send(&netlink, &message(kind, flags, body), SendFlags::empty())?;
        let mut reply = [0; 1024];
        let (_, length) = recv(&netlink, &mut reply, RecvFlags::empty())?;
        outcome(reply.get(..length).unwrap_or_default())
    };
    // The flag of an interface that is up, and which flags are to be changed.
    let up = 1_u32.to_ne_bytes();
    request(NEW_LINK, 0, &[&[0; 4], LOOPBACK.to_ne_bytes().as_slice(), &up, &up].concat())?;
    request(NEW_ROUTE, CREATE, &local_route(AddressFamily::INET))?;
    match request(NEW_ROUTE, CREATE, &local_route(AddressFamily::INET6)) {
        // A kernel without IPv6.
        Err(Errno::AFNOSUPPORT | Errno::OPNOTSUPP) => Ok(()),
        done => Ok(done?),
    }
}

/// A message to the kernel.
fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    const HEADER_BYTES: u32 = 16;
    let length = u32::try_from(body.len()).unwrap_or_default().saturating_add(HEADER_BYTES);
    let (flags, sequence_and_port) = (flags | REQUEST_WITH_ACK, [0; 8]);
    [&length.to_ne_bytes(), kind.to_ne_bytes().as_slice(), &flags.to_ne_bytes(), &sequence_and_port, body].concat()
}

/// The kernel's reply: an error number, 0 for none.
fn outcome(reply: &[u8]) -> Result<(), Errno> {
    let word = |at: usize| reply.get(at..)?.first_chunk().copied();
    let kind = reply.get(4..).and_then(<[u8]>::first_chunk).copied().map(u16::from_ne_bytes);
    match word(16).map(i32::from_ne_bytes).filter(|_| kind == Some(ERROR)) {
        Some(0) => Ok(()),
        Some(code) => Err(Errno::from_raw_os_error(code.saturating_neg())),
        None => Err(Errno::PROTO),
    }
}

/// A route that makes all addresses of a family those of the loopback interface.
fn local_route(family: AddressFamily) -> Vec<u8> {
    const TABLE_LOCAL: u8 = 255;
    const BY_ADMINISTRATOR: u8 = 4;
    const SCOPE_HOST: u8 = 254;
    const KIND_LOCAL: u8 = 2;
    const OUTPUT_INTERFACE: u16 = 4;
    let [family, ..] = family.as_raw().to_le_bytes();
    let route = [family, 0, 0, 0, TABLE_LOCAL, BY_ADMINISTRATOR, SCOPE_HOST, KIND_LOCAL, 0, 0, 0, 0];
    let attribute = [8_u16.to_ne_bytes(), OUTPUT_INTERFACE.to_ne_bytes()].concat();
    [route.as_slice(), &attribute, &LOOPBACK.to_ne_bytes()].concat()
}

fn sockets() -> io::Result<Vec<OwnedFd>> {
    let configuration = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    // The address that a program asked must be the one that answers. One socket for all would answer from another
    // address of the loopback interface.
    let mut sockets: Vec<_> =
        name_servers(&configuration).into_iter().filter_map(|server| resolver(server).ok()).collect();
    sockets.push(resolver(Ipv4Addr::UNSPECIFIED.into())?);
    for port in PORTS {
        let any = [IpAddr::from(Ipv6Addr::UNSPECIFIED), Ipv4Addr::UNSPECIFIED.into()];
        sockets.push(TcpListener::bind(any.map(|any| SocketAddr::new(any, port)).as_slice())?.into());
    }
    Ok(sockets)
}

/// A socket for questions to this address.
fn resolver(address: IpAddr) -> io::Result<OwnedFd> {
    let address = SocketAddr::new(address, DNS_PORT);
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // Beside the one for all addresses.
    set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    Ok(socket)
}

/// The name servers of this machine; its own where none is named, as programs take it (resolv.conf(5)).
fn name_servers(configuration: &str) -> Vec<IpAddr> {
    let mut lines = configuration.lines().map(str::split_whitespace);
    let mut servers: Vec<IpAddr> = Vec::new();
    while let (Some(mut words), true) = (lines.next(), servers.len() < NAME_SERVERS_MAX) {
        if words.next() == Some("nameserver") {
            servers.extend(words.next().and_then(|address| address.parse::<IpAddr>().ok()));
        }
    }
    if servers.is_empty() { vec![Ipv4Addr::LOCALHOST.into()] } else { servers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_name_servers_count() {
        let text = "# nameserver 1.1.1.1\nsearch a\nnameserver 127.0.0.53 # x\n nameserver  ::1\noptions nameserver\n\
                    nameserver x\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n";
        let expected = ["127.0.0.53", "::1", "10.0.0.1"].map(|text| text.parse::<IpAddr>().unwrap());
        assert_eq!(name_servers(text), expected);
        assert_eq!(name_servers(""), ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn a_reply_of_the_kernel_is_an_error_number() {
        let reply = |kind: u16, code: i32| [&[0; 4], &kind.to_ne_bytes()[..], &[0; 10], &code.to_ne_bytes()].concat();
        assert_eq!(outcome(&reply(ERROR, 0)), Ok(()));
        assert_eq!(outcome(&reply(ERROR, -17)), Err(Errno::EXIST));
        assert_eq!(outcome(&reply(NEW_LINK, 0)), Err(Errno::PROTO));
        assert_eq!(outcome(&[2; 5]), Err(Errno::PROTO));
    }
}
