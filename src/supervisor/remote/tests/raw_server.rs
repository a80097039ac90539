//! A server in the test that sends exactly the given bytes.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::mpsc;

use crate::{
    model::Remote,
    supervisor::remote::{Authority, LineSender, RemoteEvent, RemoteTarget, connect},
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(in crate::supervisor) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn says(&self, part: &str) -> bool {
        self.body.contains(part)
    }
}

/// A server; each connection serves one request.
pub(in crate::supervisor) struct RawServer {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl RawServer {
    pub(crate) fn start(answer: impl Fn(&Seen, &mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", answer)
    }

    pub(crate) fn start_at(address: &str, answer: impl Fn(&Seen, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let (seen, answer) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::new(answer));
        let all = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, answer) = (all.clone(), answer.clone());
                std::thread::spawn(move || {
                    let mut stream = stream;
                    if let Some(request) = read(&stream) {
                        all.lock().unwrap().push(request.clone());
                        answer(&request, &mut stream);
                    }
                });
            }
        });
        Self { url, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a request has come that is the one meant.
    pub(crate) async fn heard(&self, is_meant: impl Fn(&Seen) -> bool) {
        let heard = async {
            while !self.seen().iter().any(&is_meant) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard).await.expect("no such request came");
    }

    pub(crate) fn target(&self) -> RemoteTarget {
        RemoteTarget {
            remote: Remote { headers: [("X-Key".to_owned(), "k".to_owned())].into(), ..Remote::new(&self.url) },
            private_addresses: true,
            authority: Authority::default(),
        }
    }

    pub(crate) fn connect(&self) -> (LineSender, mpsc::Receiver<RemoteEvent>) {
        connect(&self.target(), &Arc::default()).unwrap()
    }
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(ToOwned::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line()?.split_once(':') {
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { method, path, headers, body: String::from_utf8(body).unwrap() })
}

pub(in crate::supervisor) fn say(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
}

pub(in crate::supervisor) fn json(stream: &mut TcpStream, body: &str) {
    say(stream, "200 OK", "Content-Type: application/json\r\n", body);
}
