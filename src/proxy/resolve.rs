//! Addresses of an instance: literal ones as they are, names from the system's resolver, remembered for a few seconds.

use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::time::Instant;

use crate::policy::service::is_refused;

/// Time an answer of the resolver is cached: short, as instances move.
const NAME_CACHE_TTL: Duration = Duration::from_secs(5);
/// Names remembered by one worker; past that, those no longer believed are forgotten.
const CACHED_NAMES_MAX: usize = 1_000;

/// Addresses of a name, and since when.
type CachedAddresses = (Instant, Vec<IpAddr>);

thread_local! {
    static CACHE: RefCell<HashMap<Box<str>, CachedAddresses>> = RefCell::default();
}

/// Every address of `host`, in the order to try them. Fails where the resolver knows none.
pub(super) async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Some(address) = literal(host) {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let addresses = match recall(host) {
        Some(known) => known,
        None => look_up(host).await?,
    };
    Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// The address that `host` is; `None` for a name.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Drops a name from the cache: none of its addresses accepted a connection.
pub(super) fn forget(host: &str) {
    CACHE.with_borrow_mut(|known| known.remove(host));
}

fn recall(host: &str) -> Option<Vec<IpAddr>> {
    CACHE.with_borrow(|known| {
        known.get(host).filter(|(since, _)| since.elapsed() < NAME_CACHE_TTL).map(|(_, addresses)| addresses.clone())
    })
}

async fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip());
    let addresses: Vec<IpAddr> = found.filter(|address| !is_refused(*address)).collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address that may be connected to"));
    }
    CACHE.with_borrow_mut(|known| {
        if known.len() >= CACHED_NAMES_MAX {
            known.retain(|_, (since, _)| since.elapsed() < NAME_CACHE_TTL);
        }
        if known.len() < CACHED_NAMES_MAX {
            known.insert(host.into(), (Instant::now(), addresses.clone()));
        }
    });
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_literal_address_needs_no_resolver() {
        for host in ["127.0.0.1", "::1", "[::1]"] {
            let found = addresses(host, 80).await.unwrap();
            assert_eq!((found.len(), found[0].port(), found[0].ip().is_loopback()), (1, 80, true), "{host}");
        }
        assert_eq!(CACHE.with_borrow(HashMap::len), 0);
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_in_a_while() {
        assert!(addresses("localhost", 81).await.unwrap().iter().all(|found| found.ip().is_loopback()));
        assert!(recall("localhost").is_some());
        forget("localhost");
        assert!(recall("localhost").is_none());
    }
}
