//! An upstream that does exactly what a test tells it to, byte by byte, and remembers what it saw.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::{seconds, wire::Wire};

/// The head of a request as it arrived, and where.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which connection, from 1.
    pub connection: usize,
    /// Which request on it, from 1.
    pub turn: usize,
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole head.
    pub raw: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Keep,
    Close,
    /// Closed with a reset.
    Reset,
}

/// A listening upstream; it stops listening when the test lets go of it.
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    stopped: Arc<AtomicBool>,
}

impl Upstream {
    /// Answers each request with `answer`, which reads the body where it wants to.
    pub fn start(answer: impl Fn(&Seen, &mut Wire) -> Then + Send + Sync + 'static) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), answer)
    }

    /// The same at a given address.
    pub fn listen(at: SocketAddr, answer: impl Fn(&Seen, &mut Wire) -> Then + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = Self { address, seen: Arc::default(), stopped: Arc::default() };
        let (seen, stopped) = (Arc::clone(&upstream.seen), Arc::clone(&upstream.stopped));
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { return };
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || {
                    serve(stream, index + 1, &seen, &*answer);
                });
            }
        });
        upstream
    }

    /// Answers every request with 200 and this text, once its body is read.
    pub fn saying(text: &str) -> Self {
        let text = text.to_owned();
        Self::start(move |seen, wire| {
            wire.body_of(&seen.headers);
            wire.send(ok(&text));
            Then::Keep
        })
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request that arrived, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The last request that arrived.
    #[track_caller]
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("no request arrived")
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect_timeout(&self.address, seconds(1));
    }
}

fn serve(
    stream: TcpStream,
    connection: usize,
    seen: &Mutex<Vec<Seen>>,
    answer: &(dyn Fn(&Seen, &mut Wire) -> Then + Send + Sync),
) {
    let mut wire = Wire::of(stream, seconds(30));
    for turn in 1.. {
        let Some(raw) = wire.head() else { return };
        let request = read(connection, turn, raw);
        seen.lock().unwrap().push(request.clone());
        match answer(&request, &mut wire) {
            Then::Keep => {}
            Then::Close => return,
            Then::Reset => return wire.reset(),
        }
    }
}

fn read(connection: usize, turn: usize, raw: String) -> Seen {
    let mut lines = raw.split("\r\n");
    let target = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let headers = lines.filter_map(field).collect();
    Seen { connection, turn, target, headers, raw }
}

/// A whole answer.
pub fn ok(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

/// Reads until the other side closes; false where it did not within `limit`.
pub fn is_closed_within(wire: &mut Wire, limit: Duration) -> bool {
    wire.stream.set_read_timeout(Some(limit)).unwrap();
    let mut piece = [0; 16 << 10];
    loop {
        match wire.stream.read(&mut piece) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                return !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            }
        }
    }
}

/// Sends without end until the other side has had enough; how much it took.
pub fn flood(wire: &mut Wire, piece: &[u8], most: usize) -> usize {
    let mut sent = 0;
    wire.stream.set_write_timeout(Some(seconds(2))).unwrap();
    while sent < most && wire.stream.write_all(piece).is_ok() {
        sent += piece.len();
    }
    let _ = wire.stream.shutdown(Shutdown::Both);
    sent
}
