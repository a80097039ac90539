//! Which service a request is for, so that no other spelling of a path leads round a service's rules.

use std::sync::Arc;

use super::accept::Desk;
use crate::{
    Runtime,
    gateway::{Service, Table},
    http1::{RequestHead, Version},
    web::problem::Problem,
};

/// The service that a request is for; `None` where it is for Ostler itself.
pub(super) fn service_of<'a>(
    head: &RequestHead,
    desk: &'a Desk,
) -> Result<Option<(&'a Runtime, Arc<Service>)>, Problem> {
    let Some(runtime) = &desk.runtime else { return Ok(None) };
    let table = runtime.gateway().table();
    if table.is_empty() {
        return Ok(None);
    }
    let Some(service) = find(&table, head.target.path())? else { return Ok(None) };
    check_host(head, desk)?;
    Ok(Some((runtime, service)))
}

/// Looks a path up as it was written, and as the most obliging upstream might read it: both must lead to the same service.
fn find(table: &Table, path: &str) -> Result<Option<Arc<Service>>, Problem> {
    let service = table.find(path);
    if path.contains('%') || path.contains("//") {
        let plain = plain(path);
        if service.map(Arc::as_ptr) != table.find(&plain).map(Arc::as_ptr) {
            return Err(Problem::malformed(
                "this spelling of the path could mean two services; send it without encoding",
            ));
        }
    }
    Ok(service.cloned())
}

fn check_host(head: &RequestHead, desk: &Desk) -> Result<(), Problem> {
    let host = head.fields.get("host").unwrap_or_default();
    if host.is_empty() && head.version == Version::Http10 {
        return Ok(());
    }
    desk.guard.check_host(std::str::from_utf8(host).unwrap_or_default())
}

/// A path without percent-encoding and empty segments. There are no dot segments, encoded or not: `wire` refuses them.
fn plain(path: &str) -> String {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let (byte, more) = match (first, after) {
            (b'%', [high, low, more @ ..]) => (hexadecimal(*high) * 16 + hexadecimal(*low), more),
            (byte, more) => (*byte, more),
        };
        if byte != b'/' || plain.last() != Some(&b'/') {
            plain.push(byte);
        }
        rest = more;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The value of a digit that was checked to be one.
fn hexadecimal(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_is_the_one_every_spelling_of_it_means() {
        for spelling in ["/api/secret", "/%61pi/secret", "/api%2fsecret", "//api///secret", "/api%2F%2fsecret"] {
            assert_eq!(plain(spelling), "/api/secret");
        }
        assert_eq!(plain("/a%20b%C3%A9"), "/a bé");
    }
}
