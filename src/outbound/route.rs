//! Routes of this machine: addresses to which it has none, so that no second try can connect to them either.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect, socket_with},
};

use crate::policy::shortage::Shortage;

/// Any port: nothing is sent to it.
const ANY_PORT: u16 = 9;

/// Errors of a connect that may mean a missing route; `ADDRNOTAVAIL` may also mean a missing port (connect(2)).
const MAYBE_NO_ROUTE: [Errno; 3] = [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT, Errno::NETUNREACH];

/// The fault of an address that this machine has no way to, as long as its network stays as it is.
#[derive(Clone, Debug)]
pub(crate) struct NoRoute(String);

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoRoute {}

impl NoRoute {
    /// The fault of `address`; `None` where there is a route.
    pub(crate) fn to(address: IpAddr) -> Option<Self> {
        let (family, name) = match address {
            IpAddr::V4(_) => (AddressFamily::INET, "IPv4"),
            IpAddr::V6(_) => (AddressFamily::INET6, "IPv6"),
        };
        // A connect of a datagram socket looks up the route and an address to send from, and sends nothing. It takes no
        // port from those of TCP, so it succeeds where only these ran out.
        let socket = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
        match socket.and_then(|socket| connect(socket, &SocketAddr::new(address, ANY_PORT))) {
            Err(Errno::ADDRNOTAVAIL) => {
                Some(Self(format!("this machine has no {name} address to reach {address} from")))
            }
            Err(Errno::AFNOSUPPORT) => Some(Self(format!("this machine has no {name}, so it cannot reach {address}"))),
            Err(Errno::NETUNREACH) => Some(Self(format!("this machine has no route to {address}"))),
            _ => None,
        }
    }
}

/// The error of a connect to `address`, a [`NoRoute`] where that is the reason, and then no [`Shortage`].
pub(crate) fn explained(error: io::Error, address: SocketAddr) -> io::Error {
    let may_be = Errno::from_io_error(&error).is_some_and(|errno| MAYBE_NO_ROUTE.contains(&errno));
    match may_be.then(|| NoRoute::to(address.ip())).flatten() {
        Some(no_route) => io::Error::new(error.kind(), no_route),
        None => error,
    }
}

/// The error, of those at several addresses of one host, that says most of the other side: less is said by a shortage
/// here, and nothing by a missing route.
pub(crate) fn more_telling(last: Option<io::Error>, next: io::Error) -> io::Error {
    let weight = |error: &io::Error| match error.get_ref() {
        Some(cause) if cause.is::<NoRoute>() => 0,
        _ if Shortage::of(error).is_some() => 1,
        _ => 2,
    };
    last.filter(|last| weight(last) > weight(&next)).unwrap_or(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_port_is_told_from_a_missing_route() {
        let here = SocketAddr::from(([127, 0, 0, 1], ANY_PORT));
        assert!(Shortage::of(&explained(Errno::ADDRNOTAVAIL.into(), here)).is_some(), "there is a route to {here}");
    }

    #[test]
    fn the_error_that_says_most_of_the_other_side_is_kept() {
        let no_route = || io::Error::other(NoRoute("no route".into()));
        let errors: [&dyn Fn() -> io::Error; 3] = [&no_route, &|| Errno::MFILE.into(), &|| Errno::CONNREFUSED.into()];
        for (weight, one) in errors.iter().enumerate() {
            assert_eq!(more_telling(None, one()).to_string(), one().to_string());
            for other in &errors[weight..] {
                assert_eq!(more_telling(Some(one()), other()).to_string(), other().to_string());
                assert_eq!(more_telling(Some(other()), one()).to_string(), other().to_string());
            }
        }
    }
}
