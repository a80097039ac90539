//! [`Reachable`]: the addresses that may be connected to, and connections to those alone.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::net::{TcpStream, lookup_host};

use crate::{
    outbound::route::{self, NoRoute},
    policy::{address, service::is_refused},
};

/// The addresses that may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachable {
    /// Those of the public internet.
    Public,
    /// Those of this machine and its networks, too.
    Any,
}

impl Reachable {
    pub(super) fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::Public => address::is_public(address),
            Self::Any => !is_refused(address),
        }
    }

    /// The reason for a refusal, in words for people.
    pub(super) fn refusal(self) -> &'static str {
        match self {
            Self::Public => "it is at no public address; an administrator may allow that with MCP_PRIVATE_ADDRESSES",
            Self::Any => "it is at no address that may be connected to",
        }
    }

    /// The addresses of `host` that may be connected to and have a route. An error of the kind `PermissionDenied` says
    /// that it has others alone.
    pub(crate) async fn resolve(self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found = lookup_host((host, port)).await?;
        let admitted: Vec<_> = found.filter(|address| self.admits(address.ip())).collect();
        if admitted.is_empty() {
            return Err(self.denied());
        }
        // Before the connect: its error names no address, and may be that of a missing port.
        let mut fault = None;
        let mut has_route = |address: &SocketAddr| {
            let no_route = NoRoute::to(address.ip());
            let is_missing = no_route.is_some();
            fault = fault.take().or(no_route);
            !is_missing
        };
        let addresses: Vec<_> = admitted.into_iter().filter(&mut has_route).collect();
        fault.filter(|_| addresses.is_empty()).map_or(Ok(addresses), |fault| Err(io::Error::other(fault)))
    }

    /// Connects to `address`. An error of the kind `PermissionDenied` says that it may not be connected to.
    pub(crate) async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        if !self.admits(address.ip()) {
            return Err(self.denied());
        }
        TcpStream::connect(address).await.map_err(|error| route::explained(error, address))
    }

    fn denied(self) -> io::Error {
        io::Error::new(io::ErrorKind::PermissionDenied, self.refusal())
    }
}
