//! [`Host`]: a server that may have the database, and the places it can be reached at.

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

/// Where a host can be reached.
pub(super) enum Place {
    Network(SocketAddr),
    File(PathBuf),
}

impl Host {
    /// Every place of it, in the order of the name service.
    pub(super) fn places(&self) -> io::Result<Vec<Place>> {
        if let Some(address) = self.address {
            return Ok(vec![Place::Network((address, self.port).into())]);
        }
        if self.name.starts_with('/') {
            return Ok(vec![Place::File(PathBuf::from(&self.name).join(format!(".s.PGSQL.{}", self.port)))]);
        }
        Ok((self.name.as_str(), self.port).to_socket_addrs()?.map(Place::Network).collect())
    }
}
