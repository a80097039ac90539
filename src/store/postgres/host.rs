//! [`Host`]: a server that may have the database, and the addresses it can be reached at.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
};

/// One of the hosts that may serve the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// A name or an address; where it begins with `/`, the folder of a socket.
    pub(super) name: String,
    /// Connects there instead of looking up the name.
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
}

/// Address that a host can be reached at.
pub(super) enum HostAddress {
    Network(SocketAddr),
    File(PathBuf),
}

impl Host {
    /// Every address of it, in the order of the name service.
    pub(super) fn addresses(&self) -> io::Result<Vec<HostAddress>> {
        if let Some(address) = self.address {
            return Ok(vec![HostAddress::Network((address, self.port).into())]);
        }
        if self.name.starts_with('/') {
            return Ok(vec![HostAddress::File(PathBuf::from(&self.name).join(format!(".s.PGSQL.{}", self.port)))]);
        }
        Ok((self.name.as_str(), self.port).to_socket_addrs()?.map(HostAddress::Network).collect())
    }
}
