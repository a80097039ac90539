//! A closed loop of HTTP/1.1 calls on connections that are kept: each is answered, and the answer checked, before the
//! next.

use std::{
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use actix_web::rt::spawn;
use futures_util::future::try_join_all;
use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{Outcome, table::Sample};

/// Stands in a request for what is different in every call; replaced by as many digits.
pub const TOKEN: &str = "{TOKEN-16-BYTES}";

/// Longer than any answer here takes: then the run has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request, whose answer must have the call's token in it where the request has one.
#[derive(Clone, Debug)]
pub struct Request {
    bytes: Vec<u8>,
    token_at: Option<usize>,
}

impl Request {
    pub fn new(method: &str, path: &str, bearer: &str, body: &str) -> Self {
        Self::with(method, path, bearer, &[], body)
    }

    /// A request with more in its head.
    pub fn with(method: &str, path: &str, bearer: &str, fields: &[(&str, &str)], body: &str) -> Self {
        let length = body.len();
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {bearer}\r\n{fields}\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        Self { token_at: text.find(TOKEN), bytes: text.into_bytes() }
    }

    /// The same request with another token, of [`TOKEN`]'s length.
    fn number(&mut self, token: &str) {
        if let Some(at) = self.token_at {
            self.bytes[at..at + TOKEN.len()].copy_from_slice(token.as_bytes());
        }
    }
}

/// When a run ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After this time, and a tenth of it before, which is not counted.
    Passed(Duration),
    /// After so many calls.
    Made(usize),
}

/// What a run found.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub sample: Sample,
    /// Every call made, those that are not counted too.
    pub made: usize,
}

/// Keeps `in_flight` calls in flight.
pub async fn run(address: SocketAddr, request: &Request, in_flight: usize, until: Until) -> Outcome<Run> {
    let begun = Instant::now();
    let (start, end, most) = match until {
        Until::Passed(span) => (begun + span / 10, begun + span / 10 + span, usize::MAX),
        Until::Made(calls) => (begun, begun + 20 * PATIENCE, calls),
    };
    let course = Rc::new(Course { start, end, left: Cell::new(most), taken: RefCell::default() });
    let callers = (0..in_flight).map(|caller| {
        let (course, request) = (Rc::clone(&course), request.clone());
        spawn(async move { course.call(address, request, caller).await.map_err(|error| error.to_string()) })
    });
    for caller in try_join_all(callers).await? {
        caller?;
    }
    let span = match until {
        Until::Passed(span) => span,
        Until::Made(_) => begun.elapsed(),
    };
    Ok(Run { sample: Sample::of(course.taken.take(), span), made: most - course.left.get() })
}

/// A run under way, shared by its callers.
struct Course {
    start: Instant,
    end: Instant,
    left: Cell<usize>,
    taken: RefCell<Vec<Duration>>,
}

impl Course {
    async fn call(&self, address: SocketAddr, mut request: Request, caller: usize) -> Outcome<()> {
        let mut connection = Connection::open(address).await?;
        let mut sent = Instant::now();
        for call in 0.. {
            let Some(left) = self.left.get().checked_sub(1) else { return Ok(()) };
            self.left.set(left);
            let token = format!("{caller:04}-{call:011}");
            request.number(&token);
            timeout(PATIENCE, connection.check(&request, &token)).await??;
            let answered = Instant::now();
            if answered > self.end {
                return Ok(());
            }
            if sent >= self.start {
                self.taken.borrow_mut().push(answered - sent);
            }
            sent = answered;
        }
        Ok(())
    }
}

/// One connection, used for one request after the other.
pub struct Connection {
    stream: TcpStream,
    inbox: Vec<u8>,
}

/// An answer, read whole.
pub struct Answer<'a> {
    pub status: u16,
    pub head: &'a [u8],
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// A field of the head.
    pub fn field(&self, name: &str) -> Option<&str> {
        let lines = std::str::from_utf8(self.head).ok()?.split("\r\n");
        let mut fields = lines.filter_map(|line| line.split_once(':'));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: Vec::with_capacity(64 << 10) })
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&mut self, request: &Request) -> Outcome<Answer<'_>> {
        self.stream.write_all(&request.bytes).await?;
        self.inbox.clear();
        let (mut head, mut whole) = (None, usize::MAX);
        while self.inbox.len() < whole {
            if self.stream.read_buf(&mut self.inbox).await? == 0 {
                return Err("the connection was closed before the answer".into());
            }
            if head.is_none() {
                head = memmem::find(&self.inbox, b"\r\n\r\n").map(|end| end + 4);
                whole = head.map_or(Ok(usize::MAX), |head| Ok::<_, String>(head + length(&self.inbox[..head])?))?;
            }
        }
        let (head, body) = self.inbox.split_at(head.unwrap_or_default());
        let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        Ok(Answer { status: status.ok_or("the answer has no status")?, head, body })
    }

    /// Sends a request and holds its answer to 200 and the token.
    async fn check(&mut self, request: &Request, token: &str) -> Outcome<()> {
        let Answer { status, body, .. } = self.ask(request).await?;
        let right = request.token_at.is_none() || memmem::find(body, token.as_bytes()).is_some();
        match status {
            200 if right => Ok(()),
            _ => Err(format!("wrong answer to {token}: {status} {}", String::from_utf8_lossy(body)).into()),
        }
    }
}

fn length(head: &[u8]) -> Result<usize, String> {
    let head = std::str::from_utf8(head).map_err(|error| error.to_string())?;
    let field = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let mut lengths = field.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().and_then(|(_, value)| value.trim().parse().ok());
    length.ok_or_else(|| "the answer has no length".to_owned())
}
