//! A door of its own to an Ostler: it adds a caller's key to every request, for programs that cannot be told to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

use super::Caller;

/// A listener on the loopback interface; everything but the added header is passed on byte for byte.
pub struct Keyed {
    pub address: SocketAddr,
}

impl Keyed {
    /// A door for `caller`. It stays open until the test program ends.
    pub fn open(caller: &Caller) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (to, token) = (caller.address, caller.token.clone().expect("somebody"));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (token, server) = (token.clone(), TcpStream::connect(to));
                thread::spawn(move || server.map(|server| connect(client, server, &token)));
            }
        });
        Self { address }
    }

    /// The URL of a path behind the door.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Passes on in both directions until either side ends.
fn connect(client: TcpStream, server: TcpStream, token: &str) {
    let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut requests = BufReader::new(client);
    while pass_on(&mut requests, &server, token).is_some() {}
    let _ = server.shutdown(Shutdown::Both);
}

/// Passes on one request; `None` when there are no more.
fn pass_on(requests: &mut BufReader<TcpStream>, mut server: &TcpStream, token: &str) -> Option<()> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        if requests.read_line(&mut head).ok()? == 0 {
            return None;
        }
        let line = head[start..].trim_end();
        if start == 0 {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        } else if line.is_empty() {
            break;
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    server.write_all(head.as_bytes()).ok()?;
    std::io::copy(&mut requests.take(length), &mut server).ok()?;
    Some(())
}
