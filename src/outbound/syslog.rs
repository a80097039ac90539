//! [`SyslogTarget`]: a receiver of syslog messages, at a UNIX socket, by UDP (RFC 5426) or by TCP (RFC 6587).

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UdpSocket, UnixDatagram},
};

use crate::outbound::Reachable;

/// A receiver of syslog messages, written as `unix:/dev/log`, `udp:HOST:PORT` or `tcp:HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogTarget {
    /// A datagram socket of this machine.
    Unix(PathBuf),
    /// A host and a port for datagrams, which are not acknowledged.
    Udp(String, u16),
    /// A host and a port to connect to; each message has its length before it.
    Tcp(String, u16),
}

impl SyslogTarget {
    /// Sends one message. Takes as long as the receiver lets it.
    pub(crate) async fn send(&self, message: &str) -> io::Result<()> {
        match self {
            Self::Unix(path) => UnixDatagram::unbound()?.send_to(message.as_bytes(), path).await.map(drop),
            Self::Udp(host, port) => {
                let address = *addresses(host, *port).await?.first().ok_or(io::ErrorKind::AddrNotAvailable)?;
                let any: IpAddr =
                    if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
                let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
                socket.send_to(message.as_bytes(), address).await.map(drop)
            }
            Self::Tcp(host, port) => {
                let mut stream = TcpStream::connect(addresses(host, *port).await?.as_slice()).await?;
                stream.write_all(format!("{} {message}", message.len()).as_bytes()).await?;
                stream.shutdown().await
            }
        }
    }
}

async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Reachable::Any.resolve(host.trim_start_matches('[').trim_end_matches(']'), port).await
}

impl FromStr for SyslogTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("{text:?} is none of unix:/dev/log, udp:HOST:PORT and tcp:HOST:PORT");
        let place = |rest: &str| {
            let (host, port) = rest.rsplit_once(':').filter(|(host, _)| !host.is_empty())?;
            Some((host.to_owned(), port.parse().ok()?))
        };
        let target = match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => Some(Self::Unix(path.into())),
            Some(("udp", rest)) => place(rest).map(|(host, port)| Self::Udp(host, port)),
            Some(("tcp", rest)) => place(rest).map(|(host, port)| Self::Tcp(host, port)),
            _ => None,
        };
        target.ok_or_else(fault)
    }
}

impl fmt::Display for SyslogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Udp(host, port) => write!(f, "udp:{host}:{port}"),
            Self::Tcp(host, port) => write!(f, "tcp:{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_shown_as_it_is_written() {
        for text in ["unix:/dev/log", "udp:127.0.0.1:514", "tcp:logs.example:601", "tcp:[::1]:601"] {
            assert_eq!(text.parse::<SyslogTarget>().unwrap().to_string(), text);
        }
        for wrong in ["/dev/log", "unix:dev", "udp:514", "udp::514", "tcp:a:x", "tcp:a", "tls:a:1", ""] {
            assert!(wrong.parse::<SyslogTarget>().is_err(), "{wrong}");
        }
    }
}
