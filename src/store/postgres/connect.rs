//! From [`PostgresOptions`] to a [`PostgresLink`]: host after host, encrypted or not, until one is what was asked for.

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
    host::{Host, HostAddress},
    options::{PostgresOptions, SessionTarget, SslRequirement},
    report::{self, ConnectionLost},
    socket::{Socket, WaitLimit, Waiter},
    tls,
};

/// A connection that is made, and what drives it.
pub(super) struct PostgresLink {
    client: Option<Client>,
    connection: Box<dyn ConnectionDriver>,
    waiter: Waiter,
    /// Nothing can be asked any more.
    is_lost: bool,
    /// Silence of the server, while an answer is due, after which it is given up.
    pub(super) idle_timeout: Option<Duration>,
}

/// Mover of the bytes of a connection, encrypted or not.
trait ConnectionDriver: Send {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>>;
    fn parameter(&self, name: &str) -> Option<&str>;
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ConnectionDriver for tokio_postgres::Connection<Socket, T> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>> {
        self.poll_message(context)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        tokio_postgres::Connection::parameter(self, name)
    }
}

/// Connects to the first host that is what is asked for. `Err` has the reason of each that is not.
pub(super) fn connect(options: &PostgresOptions, target: SessionTarget) -> Result<PostgresLink, ConnectionLost> {
    let mut hosts: Vec<_> = options.hosts.iter().collect();
    if options.balanced {
        hosts.sort_by_cached_key(|_| uuid::Uuid::new_v4());
    }
    // A preferred standby is a preference: any server will do where there is none.
    let targets = if target == SessionTarget::PreferStandby {
        vec![SessionTarget::Standby, SessionTarget::Any]
    } else {
        vec![target]
    };
    let mut reasons = Vec::new();
    for target in targets {
        reasons.clear();
        for host in &hosts {
            match host.addresses().map_err(|cause| ConnectionLost(cause.to_string())) {
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
    Err(ConnectionLost(summary(reasons)))
}

/// Joins reasons, those of servers first: they tell more than that another cannot be reached.
fn summary(mut reasons: Vec<ConnectionLost>) -> String {
    reasons.sort_by_key(|ConnectionLost(text)| report::sqlstate(text).is_none());
    let mut texts: Vec<_> = reasons.into_iter().map(|ConnectionLost(text)| text).collect();
    texts.dedup();
    texts.join("; ")
}

/// Connects to one place, encrypted or not as `sslmode` says.
fn reach(
    options: &PostgresOptions,
    host: &Host,
    place: &HostAddress,
    target: SessionTarget,
) -> Result<PostgresLink, ConnectionLost> {
    let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
    let attempts: &[SslMode] = match (place, options.encryption.mode) {
        (HostAddress::File(_), _) | (_, SslRequirement::Disable) => &[SslMode::Disable],
        (_, SslRequirement::Allow) => &[SslMode::Disable, SslMode::Require],
        (_, SslRequirement::Prefer) => &[SslMode::Require, SslMode::Disable],
        (_, SslRequirement::Require | SslRequirement::VerifyCa | SslRequirement::VerifyFull) => &[SslMode::Require],
    };
    let mut reasons = Vec::new();
    for mode in attempts {
        match begin(options, host, place, *mode, deadline) {
            Ok(mut link) => {
                link.require(target)?;
                if *mode == SslMode::Disable && options.encryption.mode != SslRequirement::Disable {
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
    Err(ConnectionLost(summary(reasons)))
}

fn warn_of_plain_text(place: &HostAddress) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    let HostAddress::Network(address) = place else { return };
    if !is_loopback(address.ip()) && !WARNED.swap(true, Ordering::Relaxed) {
        log::warn!(address:%; "the connection to the database is not encrypted; to insist, say sslmode=require or more");
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn begin(
    options: &PostgresOptions,
    host: &Host,
    place: &HostAddress,
    mode: SslMode,
    deadline: Option<Instant>,
) -> Result<PostgresLink, ConnectionLost> {
    let left =
        deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)));
    let socket = match place {
        HostAddress::Network(address) => Socket::connect_tcp(*address, left, &options.tcp),
        HostAddress::File(path) => Socket::connect_unix(path),
    };
    let socket = socket.map_err(|cause| {
        let is_silent = cause.kind() == io::ErrorKind::TimedOut;
        ConnectionLost(format!("{}: {}", host.name, if is_silent { SILENT.into() } else { cause.to_string() }))
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
    let connector = tls::connector(&options.encryption, host).map_err(ConnectionLost)?;
    start(&config, socket, connector, deadline)
}

fn start<T>(config: &Config, socket: Socket, tls: T, deadline: Option<Instant>) -> Result<PostgresLink, ConnectionLost>
where
    T: TlsConnect<Socket>,
    T::Stream: TlsStream + Unpin + Send + 'static,
{
    let waiter = socket.waiter();
    let idle_timeout = deadline.map_or(WaitLimit::Endless, WaitLimit::Until);
    let mut connecting = pin!(config.connect_raw(socket, tls));
    let connected = waiter.drive(idle_timeout, |context| connecting.as_mut().poll(context));
    let (client, connection) = connected
        .map_err(|cause| ConnectionLost(cause.to_string()))?
        .map_err(|error| ConnectionLost(report::of(&error)))?;
    let idle_timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    Ok(PostgresLink { client: Some(client), connection: Box::new(connection), waiter, is_lost: false, idle_timeout })
}

impl PostgresLink {
    /// Asks and waits for the answer. The inner `Err` is the server's; with the outer one the connection is gone.
    pub(super) fn run<T>(
        &mut self,
        ask: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<Result<T, Error>, ConnectionLost> {
        let Some(client) = self.client.as_ref().filter(|_| !self.is_lost) else {
            return Err(ConnectionLost("the connection is lost".into()));
        };
        let (connection, is_lost) = (&mut self.connection, &mut self.is_lost);
        let mut why = ConnectionLost("the connection was closed".into());
        let mut asking = pin!(ask(client));
        let idle_timeout = self.idle_timeout.map_or(WaitLimit::Endless, WaitLimit::Idle);
        let answered = self.waiter.drive(idle_timeout, |context| {
            while !*is_lost {
                match connection.poll(context) {
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(error))) => (*is_lost, why) = (true, ConnectionLost(report::of(&error))),
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
                Err(ConnectionLost(cause.to_string()))
            }
        }
    }

    /// True where it is of no use any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// A parameter that the server sent at the beginning, such as `server_encoding`.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.connection.parameter(name)
    }

    /// Fails where the server is not what is asked for.
    fn require(&mut self, target: SessionTarget) -> Result<(), ConnectionLost> {
        const QUESTION: &str =
            "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";
        if target == SessionTarget::Any {
            return Ok(());
        }
        let answer = self.run(async |client| client.simple_query(QUESTION).await)?;
        let answer = answer.map_err(|error| ConnectionLost(report::of(&error)))?;
        let row = first_row(answer).map(|row| (row.get(0) == Some("t"), row.get(1) == Some("on")));
        let (is_standby, is_read_only) = row.ok_or_else(|| ConnectionLost("it does not tell what it is".into()))?;
        let fits = match target {
            SessionTarget::Any | SessionTarget::PreferStandby => true,
            SessionTarget::ReadWrite => !is_read_only,
            SessionTarget::ReadOnly => is_read_only,
            SessionTarget::Primary => !is_standby,
            SessionTarget::Standby => is_standby,
        };
        if fits { Ok(()) } else { Err(ConnectionLost(report::not_what_was_asked_for(is_read_only))) }
    }
}

/// The first row of an answer.
pub(super) fn first_row(answer: Vec<SimpleQueryMessage>) -> Option<SimpleQueryRow> {
    answer.into_iter().find_map(|message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None })
}

impl Drop for PostgresLink {
    fn drop(&mut self) {
        // Says goodbye, so that the server need not find out; what cannot be sent at once is not waited for.
        self.client = None;
        if !self.is_lost {
            let _ = self.connection.poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}
