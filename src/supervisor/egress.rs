//! Connections of a server that may reach some hosts only, or none.
//!
//! Its processes are in a network of their own, a loopback interface to which every address belongs. The guard makes
//! sockets there before the server starts and hands them to Ostler: at the port of name servers, and at those of HTTP
//! and HTTPS. So a program needs no proxy's address, and no program has to know of all this: it asks for a name and
//! gets the addresses that Ostler finds, if its owner allows the name; it connects to one, and Ostler connects there in
//! its stead. Nothing listens at other ports. An address that was no answer, nor is allowed by itself, is refused.
//!
//! Ostler looks names up and dials outside, by the rules of [`crate::outbound`]. It reads nothing of what passes.

mod question;

use std::{
    cell::RefCell,
    collections::{BTreeSet, VecDeque},
    io, iter,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use futures_util::future::{FutureExt, join_all};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UdpSocket, UnixStream},
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use crate::{
    model::{ServerId, TimelineLevel},
    outbound::route,
    policy::sandbox,
    supervisor::{
        guard::handoff::{self, Handed},
        launch::Egress,
        link::Link,
    },
};

use question::{Question, Verdict};

/// Connections of one process at once, each of which takes two descriptors; further ones wait.
const CONNECTIONS_MAX: usize = 128;

/// Names that are looked up at once for one process; further questions are dropped, and programs ask again.
const LOOKUPS_MAX: usize = 16;

/// Hosts that are remembered of one process: a pattern stands for any number.
const HOSTS_MAX: usize = 256;

/// Addresses of one host that are.
const ADDRESSES_MAX: usize = 64;

/// Refused hosts that are reported of one process: a hostile one must not flood the timeline.
const REPORTS_MAX: usize = 64;

/// Longest time to look a name up: programs ask again after five seconds, and then give up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after a failed accept: the reason is a shortage of descriptors, which does not pass at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Longest question over UDP (RFC 1035).
const QUESTION_BYTES_MAX: usize = 512;

/// The connections of one process; dropping it ends them.
pub(super) struct Connections(AbortHandle);

impl Drop for Connections {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Egress {
    /// Serves at the sockets that come through `handoff`.
    pub(super) fn serve(self, handoff: UnixStream, id: ServerId, link: Link) -> Connections {
        let gate = Rc::new(Gate { id, egress: self, link, seen: RefCell::default() });
        Connections(actix::spawn(gate.serve(handoff)).abort_handle())
    }
}

/// The name that a message to a name server asks for, and the answer with these addresses, for `fuzz`; `None` for a
/// message that is passed over.
#[cfg(any(test, fuzzing))]
pub(crate) fn answered(message: &[u8], addresses: &[IpAddr]) -> Option<(String, Vec<u8>)> {
    let question = Question::parse(message)?;
    Some((question.name().to_owned(), question.answer(Verdict::Addresses(addresses))))
}

/// A host as a program was answered.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    name: String,
    addresses: Vec<IpAddr>,
}

/// The decisions about one process.
struct Gate {
    id: ServerId,
    egress: Egress,
    link: Link,
    seen: RefCell<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Hosts that were asked for, the newest last.
    hosts: VecDeque<Host>,
    /// Hosts that were reported.
    reported: BTreeSet<String>,
}

impl Gate {
    async fn serve(self: Rc<Self>, handoff: UnixStream) {
        // Without sockets the guard reports why.
        let Ok(handed) = handoff::receive(&handoff).await else { return };
        let served = handed.into_iter().map(|socket| match socket {
            Handed::Listener(listener) => self.clone().accept(listener).boxed_local(),
            Handed::Resolver(socket) => self.clone().resolve(socket).boxed_local(),
        });
        join_all(served).await;
    }

    async fn accept(self: Rc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, _)) => drop(connections.spawn_local(self.clone().carry(stream))),
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    /// Carries what passes on a connection, to its end.
    async fn carry(self: Rc<Self>, mut stream: TcpStream) {
        match self.connect(&stream).await {
            // Its failure ends both sides, and is no news.
            Ok(mut other) => drop(copy_bidirectional(&mut stream, &mut other).await),
            // A reset, not an end: programs would take that for an empty answer.
            Err(_) => drop(rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))),
        }
    }

    /// Connects to where `stream` was meant to go.
    async fn connect(&self, stream: &TcpStream) -> io::Result<TcpStream> {
        let wanted = stream.local_addr()?;
        let (address, port) = (wanted.ip().to_canonical(), wanted.port());
        let Some(host) = self.host_at(address) else {
            self.refuse(&SocketAddr::new(address, port).to_string(), None);
            return Err(io::ErrorKind::PermissionDenied.into());
        };
        let dialled = timeout(CONNECT_TIMEOUT, self.dial(&host.addresses, port)).await;
        dialled.map_err(|_| io::ErrorKind::TimedOut.into()).flatten().inspect_err(|error| {
            let place = format!("{}:{port}", host.name);
            if error.kind() == io::ErrorKind::PermissionDenied {
                self.refuse(&place, Some(error));
            } else {
                // The program sees a reset, which says less.
                self.report(&host.name, &format!("{place} could not be connected to: {error}"));
            }
        })
    }

    /// Connects to the first of `addresses` that takes it. The program cannot try the next one: its own connection has
    /// come about already.
    async fn dial(&self, addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
        let mut last = None;
        for address in addresses {
            match self.egress.reachable.connect(SocketAddr::new(*address, port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(route::more_telling(last, error)),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
    }

    /// The allowed host that has this address, which comes first of its addresses.
    fn host_at(&self, address: IpAddr) -> Option<Host> {
        let name = address.to_string();
        if sandbox::admits_host(&self.egress.hosts, &name) {
            return Some(Host { name, addresses: vec![address] });
        }
        let hosts = &self.seen.borrow().hosts;
        let Host { name, addresses } = hosts.iter().rev().find(|host| host.addresses.contains(&address))?;
        let others = addresses.iter().copied().filter(|other| *other != address);
        Some(Host { name: name.clone(), addresses: iter::once(address).chain(others).collect() })
    }

    async fn resolve(self: Rc<Self>, socket: UdpSocket) {
        let socket = Rc::new(socket);
        let mut lookups = JoinSet::new();
        let mut buffer = [0; QUESTION_BYTES_MAX];
        loop {
            tokio::select! {
                received = socket.recv_from(&mut buffer), if lookups.len() < LOOKUPS_MAX => {
                    let Ok((length, client)) = received else { return };
                    let Some(question) = buffer.get(..length).and_then(Question::parse) else { continue };
                    let (gate, socket) = (self.clone(), socket.clone());
                    lookups.spawn_local(async move {
                        let answer = gate.answer(&question).await;
                        // A program that does not get it asks again.
                        let _ = socket.send_to(&answer, client).await;
                    });
                }
                Some(_) = lookups.join_next() => {}
            }
        }
    }

    async fn answer(&self, question: &Question) -> Vec<u8> {
        let name = question.name();
        if !sandbox::admits_host(&self.egress.hosts, name) {
            self.refuse(name, None);
            return question.answer(Verdict::NoSuchName);
        }
        if !question.is_for_addresses() {
            return question.answer(Verdict::Addresses(&[]));
        }
        match timeout(LOOKUP_TIMEOUT, self.egress.reachable.resolve(name, 0)).await {
            Ok(Ok(addresses)) => {
                let addresses: Vec<_> = addresses.iter().map(|address| address.ip().to_canonical()).collect();
                self.remember(name, &addresses);
                question.answer(Verdict::Addresses(&addresses))
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.refuse(name, Some(&error));
                question.answer(Verdict::NoSuchName)
            }
            Ok(Err(_)) | Err(_) => question.answer(Verdict::Failure),
        }
    }

    /// Keeps the addresses of a host, those it had before too: programs may still have them.
    fn remember(&self, name: &str, addresses: &[IpAddr]) {
        let hosts = &mut self.seen.borrow_mut().hosts;
        let before = hosts.iter().position(|host| host.name == name).and_then(|at| hosts.remove(at));
        let mut all = addresses.to_vec();
        all.extend(before.into_iter().flat_map(|host| host.addresses).filter(|other| !addresses.contains(other)));
        all.truncate(ADDRESSES_MAX);
        hosts.push_back(Host { name: name.to_owned(), addresses: all });
        if hosts.len() > HOSTS_MAX {
            hosts.pop_front();
        }
    }

    /// Reports a refusal, with its cause where that is not the list of hosts.
    fn refuse(&self, host: &str, cause: Option<&io::Error>) {
        let text = match cause {
            None => format!("the sandbox refused a connection to {host}; allow it with sandbox.network"),
            Some(cause) => format!("the sandbox refused a connection to {host}: {cause}"),
        };
        self.report(host, &text);
    }

    fn report(&self, host: &str, text: &str) {
        let reported = &mut self.seen.borrow_mut().reported;
        // Programs try a name that there is not with each of their search domains.
        let extends = |other: &String| host.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('.'));
        if reported.len() >= REPORTS_MAX || reported.iter().any(extends) || !reported.insert(host.to_owned()) {
            return;
        }
        let last = if reported.len() == REPORTS_MAX { "; further hosts are not reported" } else { "" };
        log::warn!(server:% = self.id; "{text}{last}");
        self.link.add_note(TimelineLevel::Warn, &format!("{text}{last}"));
    }
}

#[cfg(test)]
mod tests;
