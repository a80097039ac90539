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

/// A path without percent-encoding and empty segments. There are no dot segments, encoded or not, and every
/// percent sign has two digits: `http1` refuses all else.
fn plain(path: &str) -> String {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let (byte, more) = match (first, after) {
            (b'%', [high, low, more @ ..]) => (octet(*high, *low).unwrap_or_default(), more),
            (byte, more) => (*byte, more),
        };
        if byte != b'/' || plain.last() != Some(&b'/') {
            plain.push(byte);
        }
        rest = more;
    }
    String::from_utf8_lossy(&plain).into_owned()
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
