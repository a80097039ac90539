//! [`ServiceRouter`]: finds the service of a request, so that no other spelling of a path bypasses a service's rules.

use std::sync::Arc;

use super::forward::forward;
use crate::{
    Runtime,
    edge::{ClientConnection, Routed, Router},
    gateway::{Service, Table},
    http1::{RequestHead, Version, octet},
    web::{host_check::HostCheck, problem::Problem},
};

/// Routes requests to the services of a runtime.
#[derive(Clone)]
pub(crate) struct ServiceRouter {
    /// The runtime whose services they are; none before it has started.
    pub runtime: Option<Runtime>,
    /// The check of the `Host` header.
    pub guard: HostCheck,
}

impl Router for ServiceRouter {
    async fn route(&self, connection: &mut ClientConnection, head: Box<RequestHead>) -> Routed {
        match self.service_of(&head) {
            Ok(None) => Routed::ToApp(head),
            Ok(Some((runtime, service))) => {
                Routed::Answered(forward(connection, *head, service, runtime, &self.guard).await)
            }
            Err(problem) => Routed::Refused(head, problem),
        }
    }
}

impl ServiceRouter {
    /// The service that a request is for; `None` where it is for Ostler itself.
    fn service_of(&self, head: &RequestHead) -> Result<Option<(&Runtime, Arc<Service>)>, Problem> {
        let Some(runtime) = &self.runtime else { return Ok(None) };
        let table = runtime.gateway().table();
        if table.is_empty() {
            return Ok(None);
        }
        let Some(service) = find(&table, head.target.path())? else { return Ok(None) };
        self.check_host(head)?;
        Ok(Some((runtime, service)))
    }

    fn check_host(&self, head: &RequestHead) -> Result<(), Problem> {
        let host = head.fields.get("host").unwrap_or_default();
        if host.is_empty() && head.version == Version::Http10 {
            return Ok(());
        }
        self.guard.check_host(std::str::from_utf8(host).unwrap_or_default())
    }
}

/// Looks a path up as it was written, and as the most obliging upstream might read it: both must lead to the same
/// service.
fn find(table: &Table, path: &str) -> Result<Option<Arc<Service>>, Problem> {
    let service = table.find(path);
    let is_other = |reading: &String| {
        table.find(reading).is_some_and(|other| service.is_none_or(|service| !Arc::ptr_eq(other, service)))
    };
    let is_plain = !path.contains(['%', ';']) && !path.contains("//") && !path.contains("./") && !path.ends_with('.');
    if !is_plain && readings(path).iter().any(is_other) {
        return Err(Problem::malformed(
            "this spelling of the path could mean two services; send it without encoding and path parameters",
        ));
    }
    Ok(service.cloned())
}

/// The path as upstreams may read it: without percent-encoding and empty segments, and with path parameters, without
/// those that are seen before decoding, or without those that are seen after it.
fn readings(path: &str) -> [String; 3] {
    [decode(path), decode(&cut(path)), cut(&decode(path))].map(|path| collapse(&path))
}

/// A path without what some upstreams cut off each segment: its parameters, dots and blanks at its end.
fn cut(path: &str) -> String {
    let segment = |segment: &str| segment.split(';').next().unwrap_or_default().trim_end_matches(['.', ' ']).to_owned();
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A path without empty segments.
fn collapse(path: &str) -> String {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.fold(String::with_capacity(path.len()), |path, segment| path + "/" + segment)
}

/// A path without percent-encoding. Every percent sign has two digits: `http1` refuses all else.
fn decode(path: &str) -> String {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let (byte, more) = match (first, after) {
            (b'%', [high, low, more @ ..]) => (octet(*high, *low).unwrap_or_default(), more),
            (byte, more) => (*byte, more),
        };
        plain.push(byte);
        rest = more;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_read_as_the_most_obliging_upstream_would() {
        for spelling in [
            "/api/secret",
            "/%61pi/secret",
            "/api%2fsecret",
            "//api///secret",
            "/api%2F%2fsecret",
            "/api;a=b/secret",
            "/api;/;x/secret;y",
            "/api%3Ba/secret",
            "/api;a%2Fb/secret",
            "/api;a%2Fsecret",
            "/api./secret%20",
        ] {
            assert!(readings(spelling).contains(&"/api/secret".to_owned()), "{spelling}: {:?}", readings(spelling));
        }
        assert_eq!(readings("/a%20b%C3%A9")[0], "/a bé");
    }
}
