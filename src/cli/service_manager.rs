//! [`ServiceManager`]: messages to systemd and others of its kind (`sd_notify(3)`).

use std::{
    convert::Infallible,
    env, io,
    net::SocketAddr,
    os::{
        linux::net::SocketAddrExt,
        unix::{ffi::OsStrExt, net},
    },
    time::Duration,
};

use ostler::Runtime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixDatagram},
    time::{sleep, timeout},
};

/// Names the socket; where it begins with `@`, an abstract one.
const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";

/// Microseconds after which Ostler is ended unless it said that it lives.
const WATCHDOG_VARIABLE: &str = "WATCHDOG_USEC";

/// The process that these microseconds are meant for, where it is named.
const WATCHED_PROCESS_VARIABLE: &str = "WATCHDOG_PID";

/// Time for the service manager to take a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// A check lasts a quarter of the watchdog's time at most, and the pause between two as long: so one may fail.
const CHECKS: u32 = 4;

/// The smallest request that a worker answers.
const REQUEST: &[u8] = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// The service manager that started this program, if any does.
pub(crate) struct ServiceManager {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// Finds it by the environment.
    pub(crate) fn find() -> Self {
        let socket = open_socket().unwrap_or_else(|error| {
            log::warn!(error:%; "no message reaches the service manager: {SOCKET_VARIABLE} is of no use");
            None
        });
        let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let is_meant = number(WATCHED_PROCESS_VARIABLE).is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number(WATCHDOG_VARIABLE).filter(|_| is_meant && socket.is_some()).map(Duration::from_micros);
        Self { socket, watchdog }
    }

    /// Says that requests are answered.
    pub(crate) async fn say_ready(&self) {
        self.notify("READY=1").await;
    }

    /// Says that Ostler is stopping.
    pub(crate) async fn say_stopping(&self) {
        self.notify("STOPPING=1").await;
    }

    /// Says again and again that Ostler lives, as long as its recorder, its supervisor and a worker answer. Nothing
    /// watches while Ostler stops.
    pub(crate) async fn feed_watchdog(&self, runtime: &Runtime, address: Option<SocketAddr>) -> Infallible {
        let (Some(limit), Some(address)) = (self.watchdog.map(|time| time / CHECKS), address) else {
            return std::future::pending().await;
        };
        loop {
            let (inner, worker) = tokio::join!(runtime.liveness(limit), timeout(limit, is_answered(address)));
            match inner.and(worker.ok().and_then(Result::ok).ok_or("an HTTP worker")) {
                Ok(()) => self.notify("WATCHDOG=1").await,
                Err(part) => log::error!(part, limit:?; "the watchdog is not fed: a part does not answer"),
            }
            sleep(limit).await;
        }
    }

    async fn notify(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        // One that does not read must not hold up a start or a stop.
        let sent = timeout(SEND_TIMEOUT, socket.send(state.as_bytes())).await;
        if let Err(error) = sent.map_err(io::Error::from).flatten() {
            log::warn!(error:%, state; "a message did not reach the service manager");
        }
    }
}

fn open_socket() -> io::Result<Option<UnixDatagram>> {
    let Some(place) = env::var_os(SOCKET_VARIABLE).filter(|place| !place.is_empty()) else { return Ok(None) };
    let address = match place.as_bytes().strip_prefix(b"@") {
        Some(name) => net::SocketAddr::from_abstract_name(name)?,
        None => net::SocketAddr::from_pathname(&place)?,
    };
    let socket = net::UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    UnixDatagram::from_std(socket).map(Some)
}

/// Asks at the address for an answer of any kind.
async fn is_answered(address: SocketAddr) -> io::Result<()> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(REQUEST).await?;
    match connection.read_u8().await {
        // A worker that is flooded closes at once, and so lives.
        Err(error) if !matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix::test]
    async fn who_accepts_and_says_nothing_does_not_answer() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let asked = timeout(Duration::from_millis(200), is_answered(silent.local_addr().unwrap())).await;
        assert!(asked.is_err(), "{asked:?}");
    }
}
