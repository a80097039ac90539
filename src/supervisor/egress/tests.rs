//! Decisions about a process, and connections that are carried or reset.

use std::{net::Ipv4Addr, os::fd::OwnedFd};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{question::tests::query, *};
use crate::outbound::Reachable;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn gate(hosts: &[&str], reachable: Reachable) -> Rc<Gate> {
    let egress = Egress { hosts: hosts.iter().map(ToString::to_string).collect(), reachable };
    Rc::new(Gate { id: ServerId::new(), egress, link: Link::default(), seen: RefCell::default() })
}

/// The code of the answer to a question for the addresses of `name`, and how many there are.
async fn asked(gate: &Gate, name: &str) -> (u8, u8) {
    let labels: Vec<_> = name.split('.').map(str::as_bytes).collect();
    let answer = gate.answer(&Question::parse(&query(&labels, 1)).unwrap()).await;
    (answer[3] & 0xf, answer[7])
}

fn reported(gate: &Gate) -> Vec<String> {
    gate.seen.borrow().reported.iter().cloned().collect()
}

#[actix::test]
async fn an_address_is_admitted_once_an_allowed_name_was_answered_with_it() {
    let gate = gate(&["localhost"], Reachable::Any);
    assert_eq!(gate.host_at(HERE), None);
    assert_eq!(asked(&gate, "localhost").await, (0, 1));
    assert_eq!(gate.host_at(HERE).unwrap().name, "localhost");
    assert_eq!(asked(&gate, "other.example").await, (3, 0));
    assert_eq!(reported(&gate), ["other.example"]);
}

#[actix::test]
async fn private_addresses_are_no_answer_unless_they_are_allowed() {
    let gate = gate(&["localhost", "127.0.0.1"], Reachable::Public);
    assert_eq!(asked(&gate, "localhost").await, (3, 0));
    assert_eq!(reported(&gate), ["localhost"]);
    // Nor by itself.
    let refused = gate.dial(&gate.host_at(HERE).unwrap().addresses, 80).await.unwrap_err();
    assert!(refused.to_string().contains("MCP_PRIVATE_ADDRESSES"), "{refused}");
}

#[test]
fn addresses_that_a_host_had_before_are_still_its_own() {
    let gate = gate(&[], Reachable::Any);
    let [a, b, c] = [1, 2, 3].map(|last| IpAddr::from([192, 0, 2, last]));
    gate.remember("one", &[a, b]);
    gate.remember("two", &[b]);
    gate.remember("one", &[c]);
    assert_eq!(gate.host_at(a), Some(Host { name: "one".into(), addresses: vec![a, c, b] }));
    assert_eq!(gate.host_at(b).unwrap().name, "one");
    for name in 0..HOSTS_MAX {
        gate.remember(&name.to_string(), &[HERE]);
    }
    assert_eq!((gate.host_at(a), gate.seen.borrow().hosts.len()), (None, HOSTS_MAX));
}

#[test]
fn each_host_is_reported_once_and_a_flood_is_not() {
    let gate = gate(&[], Reachable::Any);
    for host in ["a.example", "a.example", "a.example.search.example", "b.example"] {
        gate.refuse(host, None);
    }
    assert_eq!(reported(&gate), ["a.example", "b.example"]);
    (0..1000).for_each(|host| gate.refuse(&format!("{host}.flood"), None));
    assert_eq!(reported(&gate).len(), REPORTS_MAX);
}

#[actix::test]
async fn a_refused_connection_is_reset() {
    let inside = std::net::TcpListener::bind((HERE, 0)).unwrap();
    let port = inside.local_addr().unwrap().port();
    let (handoff, given) = std::os::unix::net::UnixStream::pair().unwrap();
    handoff::send(&given, &[OwnedFd::from(inside)]).unwrap();
    handoff.set_nonblocking(true).unwrap();
    let gate = gate(&[], Reachable::Any);
    let serving = actix::spawn(gate.clone().serve(UnixStream::from_std(handoff).unwrap()));
    let mut program = TcpStream::connect((HERE, port)).await.unwrap();
    assert_eq!(program.read(&mut [0]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(reported(&gate), [format!("127.0.0.1:{port}")]);
    serving.abort();
}

#[actix::test]
async fn a_connection_is_carried_to_the_first_address_that_takes_it() {
    let inside = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = inside.local_addr().unwrap().port();
    let outside = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).await.unwrap();
    let mut program = TcpStream::connect((HERE, port)).await.unwrap();
    let (accepted, _) = inside.accept().await.unwrap();
    // Now nothing takes connections at the address that is tried first.
    drop(inside);
    let gate = gate(&[], Reachable::Any);
    gate.remember("host", &[HERE, outside.local_addr().unwrap().ip()]);
    let carrying = actix::spawn(gate.clone().carry(accepted));
    let (mut server, _) = outside.accept().await.unwrap();
    server.write_all(b"hello").await.unwrap();
    drop(server);
    let mut text = String::new();
    program.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello");
    drop(program);
    carrying.await.unwrap();
}
