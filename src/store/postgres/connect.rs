//! From [`Options`] to a [`Link`]: host after host, encrypted or not, until one is what was asked for.

use std::{
    io,
    net::IpAddr,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};
use tokio_postgres::{
    AsyncMessage, Client, Config, Error, NoTls, SimpleQueryMessage, SimpleQueryRow,
    config::SslMode,
    tls::{TlsConnect, TlsStream},
};

use crate::store::fault::SILENT;

use super::{
    host::{Host, Place},
    options::{Mode, Options, Target},
    report::{self, Lost},
    socket::{Patience, Socket, Waiter},
    tls,
};

/// A connection that is made, and what drives it.
pub(super) struct Link {
    client: Option<Client>,
    connection: Box<dyn Driven>,
    waiter: Waiter,
    /// Nothing can be asked any more.
    is_lost: bool,
    /// How long the server may be silent while an answer is due.
    pub(super) patience: Option<Duration>,
}

/// What moves the bytes of a connection, encrypted or not.
trait Driven: Send {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>>;
    fn parameter(&self, name: &str) -> Option<&str>;
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Driven for tokio_postgres::Connection<Socket, T> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>> {
        self.poll_message(context)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        tokio_postgres::Connection::parameter(self, name)
    }
}

/// Connects to the first host that is what is asked for. `Err` has the reason of each that is not.
pub(super) fn connect(options: &Options, target: Target) -> Result<Link, Lost> {
    let mut hosts: Vec<_> = options.hosts.iter().collect();
    if options.balanced {
        hosts.sort_by_cached_key(|_| uuid::Uuid::new_v4());
    }
    // Who prefers a standby takes anything where there is none.
    let targets = if target == Target::PreferStandby { vec![Target::Standby, Target::Any] } else { vec![target] };
    let mut reasons = Vec::new();
    for target in targets {
        reasons.clear();
        for host in &hosts {
            match host.places().map_err(|cause| Lost(cause.to_string())) {
                Err(lost) => reasons.push(lost),
                Ok(places) => {
                    for place in places {
                        match reach(options, host, &place, target) {
                            Ok(link) => return Ok(link),
                            Err(lost) => reasons.push(lost),
                        }
                    }
                }
            }
        }
    }
    Err(Lost(summary(reasons)))
}

/// What a server itself says comes first, for it tells more than that another cannot be reached.
fn summary(mut reasons: Vec<Lost>) -> String {
    reasons.sort_by_key(|Lost(text)| report::sqlstate(text).is_none());
    let mut texts: Vec<_> = reasons.into_iter().map(|Lost(text)| text).collect();
    texts.dedup();
    texts.join("; ")
}

/// Connects to one place, encrypted or not as `sslmode` says.
fn reach(options: &Options, host: &Host, place: &Place, target: Target) -> Result<Link, Lost> {
    let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
    let attempts: &[SslMode] = match (place, options.encryption.mode) {
        (Place::File(_), _) | (_, Mode::Disable) => &[SslMode::Disable],
        (_, Mode::Allow) => &[SslMode::Disable, SslMode::Require],
        (_, Mode::Prefer) => &[SslMode::Require, SslMode::Disable],
        (_, Mode::Require | Mode::VerifyCa | Mode::VerifyFull) => &[SslMode::Require],
    };
    let mut reasons = Vec::new();
    for mode in attempts {
        match begin(options, host, place, *mode, deadline) {
            Ok(mut link) => {
                link.require(target)?;
                if *mode == SslMode::Disable && options.encryption.mode != Mode::Disable {
                    warn_of_plain_text(place);
                }
                return Ok(link);
            }
            Err(lost) => reasons.push(lost),
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            break;
        }
    }
    Err(Lost(summary(reasons)))
}

fn warn_of_plain_text(place: &Place) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    let Place::Network(address) = place else { return };
    if !is_loopback(address.ip()) && !WARNED.swap(true, Ordering::Relaxed) {
        log::warn!(address:%; "the connection to the database is not encrypted; to insist, say sslmode=require or more");
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn begin(
    options: &Options,
    host: &Host,
    place: &Place,
    mode: SslMode,
    deadline: Option<Instant>,
) -> Result<Link, Lost> {
    let left =
        deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)));
    let socket = match place {
        Place::Network(address) => Socket::connect_tcp(*address, left, &options.tcp),
        Place::File(path) => Socket::connect_unix(path),
    };
    let socket = socket.map_err(|cause| {
        let is_silent = cause.kind() == io::ErrorKind::TimedOut;
        Lost(format!("{}: {}", host.name, if is_silent { SILENT.into() } else { cause.to_string() }))
    })?;
    let mut config = Config::new();
    config.ssl_mode(mode).application_name(&options.application_name).channel_binding(options.channel_binding);
    options.user.as_ref().map(|user| config.user(user));
    options.database.as_ref().map(|database| config.dbname(database));
    options.settings.as_ref().map(|settings| config.options(settings));
    options.password_for(host).map(|password| config.password(password));
    if mode == SslMode::Disable {
        return start(&config, socket, NoTls, deadline);
    }
    let connector = tls::connector(&options.encryption, host).map_err(Lost)?;
    start(&config, socket, connector, deadline)
}

fn start<T>(config: &Config, socket: Socket, tls: T, deadline: Option<Instant>) -> Result<Link, Lost>
where
    T: TlsConnect<Socket>,
    T::Stream: TlsStream + Unpin + Send + 'static,
{
    let waiter = socket.waiter();
    let patience = deadline.map_or(Patience::Endless, Patience::Until);
    let mut connecting = pin!(config.connect_raw(socket, tls));
    let connected = waiter.drive(patience, |context| connecting.as_mut().poll(context));
    let (client, connection) =
        connected.map_err(|cause| Lost(cause.to_string()))?.map_err(|error| Lost(report::of(&error)))?;
    let patience = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    Ok(Link { client: Some(client), connection: Box::new(connection), waiter, is_lost: false, patience })
}

impl Link {
    /// Asks and waits for the answer. The inner `Err` is the server's; with the outer one the connection is gone.
    pub(super) fn run<T>(
        &mut self,
        ask: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<Result<T, Error>, Lost> {
        let Some(client) = self.client.as_ref().filter(|_| !self.is_lost) else {
            return Err(Lost("the connection is lost".into()));
        };
        let (connection, is_lost) = (&mut self.connection, &mut self.is_lost);
        let mut why = Lost("the connection was closed".into());
        let mut asking = pin!(ask(client));
        let patience = self.patience.map_or(Patience::Endless, Patience::Idle);
        let answered = self.waiter.drive(patience, |context| {
            while !*is_lost {
                match connection.poll(context) {
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(error))) => (*is_lost, why) = (true, Lost(report::of(&error))),
                    Poll::Ready(None) => *is_lost = true,
                    Poll::Pending => break,
                }
            }
            match asking.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if *is_lost => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        match answered {
            Ok(Some(Err(error))) if error.code().is_none() => {
                *is_lost = true;
                Err(why)
            }
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(why),
            Err(cause) => {
                *is_lost = true;
                Err(Lost(cause.to_string()))
            }
        }
    }

    /// Whether it is of no use any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// What the server told at the beginning, such as `server_encoding`.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.connection.parameter(name)
    }

    /// Fails where the server is not what is asked for.
    fn require(&mut self, target: Target) -> Result<(), Lost> {
        const QUESTION: &str =
            "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";
        if target == Target::Any {
            return Ok(());
        }
        let answer = self.run(async |client| client.simple_query(QUESTION).await)?;
        let answer = answer.map_err(|error| Lost(report::of(&error)))?;
        let row = first_row(answer).map(|row| (row.get(0) == Some("t"), row.get(1) == Some("on")));
        let (is_standby, is_read_only) = row.ok_or_else(|| Lost("it does not tell what it is".into()))?;
        let fits = match target {
            Target::Any | Target::PreferStandby => true,
            Target::ReadWrite => !is_read_only,
            Target::ReadOnly => is_read_only,
            Target::Primary => !is_standby,
            Target::Standby => is_standby,
        };
        if fits { Ok(()) } else { Err(Lost(report::not_what_was_asked_for(is_read_only))) }
    }
}

/// The first row of an answer.
pub(super) fn first_row(answer: Vec<SimpleQueryMessage>) -> Option<SimpleQueryRow> {
    answer.into_iter().find_map(|message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None })
}

impl Drop for Link {
    fn drop(&mut self) {
        // Says goodbye, so that the server need not find out; what cannot be sent at once is not waited for.
        self.client = None;
        if !self.is_lost {
            let _ = self.connection.poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}
