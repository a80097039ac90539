//! A connection under the test's control, byte by byte; for either side of it.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::seconds;

/// An open connection, and what was read from it and not yet asked for.
pub struct Wire {
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// An answer, and how its body ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    /// Statuses of the interim answers before it.
    pub interim: Vec<u16>,
    pub end: End,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As its head, or its last chunk, said.
    Whole,
    /// With the connection, and the head had said that it would.
    Closed,
    /// Too early.
    Broken,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Claims status and end.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!((self.status, self.end), (status, End::Whole), "{self:?}");
        self
    }

    /// Claims a problem of this code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let reply = self.is(status);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{reply:?}");
        assert!(reply.text().contains(&format!("\"code\":\"{code}\"")), "{reply:?}");
        reply
    }
}

impl Wire {
    /// Connects; reads end after ten seconds.
    pub fn to(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).unwrap(), seconds(10))
    }

    pub fn of(stream: TcpStream, patience: Duration) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Sends; that the other side is gone shows when something is read.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// A `GET`, and its answer.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        self.reply()
    }

    /// A `POST` of `body` with its length, and its answer.
    #[track_caller]
    pub fn post(&mut self, path: &str, body: &str) -> Reply {
        self.send(format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        self.reply()
    }

    /// The next head, without the empty line; `None` where the connection ends before it.
    pub fn head(&mut self) -> Option<String> {
        let head = self.until(b"\r\n\r\n")?;
        Some(String::from_utf8_lossy(&head).trim_end().to_owned())
    }

    /// The next answer, with the interim ones before it.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        self.reply_to("GET")
    }

    /// The next answer, which is to a request of this method.
    #[track_caller]
    pub fn reply_to(&mut self, method: &str) -> Reply {
        let mut interim = Vec::new();
        loop {
            let head = self.head().unwrap_or_else(|| panic!("no answer came; left is {:?}", self.left()));
            let (status, headers) = parse(&head);
            if (100..200).contains(&status) && status != 101 {
                interim.push(status);
                continue;
            }
            let mut reply = Reply { status, headers, body: Vec::new(), trailers: Vec::new(), interim, end: End::Whole };
            if method != "HEAD" && ![101, 204, 304].contains(&status) {
                (reply.body, reply.trailers, reply.end) = self.read_body(&reply.headers.clone());
            }
            return reply;
        }
    }

    /// The body that this head announces, to the end.
    pub fn body_of(&mut self, headers: &[(String, String)]) -> (Vec<u8>, Vec<(String, String)>) {
        let framed = |name: &str| headers.iter().any(|(known, _)| known == name);
        if framed("transfer-encoding") || framed("content-length") {
            let (body, trailers, _) = self.read_body(headers);
            (body, trailers)
        } else {
            (Vec::new(), Vec::new())
        }
    }

    fn read_body(&mut self, headers: &[(String, String)]) -> (Vec<u8>, Vec<(String, String)>, End) {
        let find = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if find("transfer-encoding").is_some() {
            return self.read_chunks();
        }
        let Some(length) = find("content-length").and_then(|length| length.parse::<usize>().ok()) else {
            while self.fill() {}
            return (std::mem::take(&mut self.read), Vec::new(), End::Closed);
        };
        while self.read.len() < length && self.fill() {}
        let end = if self.read.len() < length { End::Broken } else { End::Whole };
        (self.read.drain(..length.min(self.read.len())).collect(), Vec::new(), end)
    }

    fn read_chunks(&mut self) -> (Vec<u8>, Vec<(String, String)>, End) {
        let (mut body, mut trailers) = (Vec::new(), Vec::new());
        loop {
            match self.chunk() {
                Some(chunk) if chunk.is_empty() => break,
                Some(chunk) => body.extend(chunk),
                None => return (body, trailers, End::Broken),
            }
        }
        loop {
            let Some(line) = self.until(b"\r\n") else { return (body, trailers, End::Broken) };
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let Some((name, value)) = line.split_once(':') else { return (body, trailers, End::Whole) };
            trailers.push((name.to_lowercase(), value.trim().to_owned()));
        }
    }

    /// The next chunk; an empty one is the last, and trailers follow. `None` where the connection ends before its end.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.until(b"\r\n")?;
        let line = String::from_utf8_lossy(&line);
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(Vec::new());
        }
        let mut chunk = self.exact(size + 2)?;
        chunk.truncate(size);
        Some(chunk)
    }

    /// So many bytes.
    pub fn exact(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.read.len() < count {
            if !self.fill() {
                return None;
            }
        }
        Some(self.read.drain(..count).collect())
    }

    /// Everything up to and with `mark`.
    pub fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.read.windows(mark.len()).position(|window| window == mark) {
                return Some(self.read.drain(..at + mark.len()).collect());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Whether the connection ends without another byte.
    pub fn is_over(&mut self) -> bool {
        self.read.is_empty() && !self.fill()
    }

    /// Ends it with a reset.
    pub fn reset(self) {
        let _ = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }

    /// What came and was not asked for.
    pub fn left(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Reads once more; false at the end, however that came.
    fn fill(&mut self) -> bool {
        let mut piece = [0; 64 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(count) => {
                self.read.extend_from_slice(&piece[..count]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing more came; left is {:?}", self.left())
            }
            Err(_) => false,
        }
    }
}

fn parse(head: &str) -> (u16, Vec<(String, String)>) {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).unwrap_or(0);
    let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    (status, lines.filter_map(field).collect())
}
