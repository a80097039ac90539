//! Clients that connect to permitted addresses only, and trust the certificate authorities of this machine.

use std::{
    error::Error,
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use actix_service::ServiceExt;
use actix_tls::connect::{Connection, Connector, Resolve, Resolver};
use awc::http::Uri;
use futures_util::future::{FutureExt, LocalBoxFuture};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tokio::net::{TcpStream, lookup_host};

use crate::{
    outbound::{close_delimited::CloseDelimited, route::NoRoute},
    policy::{address, service::is_refused},
};

/// Longest time to connect, the look-up of the name included, and again to agree on encryption.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that an idle connection is kept for the next request. Most of these are POSTs, which cannot be sent again when
/// a server closes its connection just then, and some servers close theirs after a second.
const KEEP_ALIVE: Duration = Duration::from_millis(500);

/// Connections at once. Requests are bounded elsewhere.
const CONNECTIONS_MAX: usize = 2048;

/// The addresses that may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachable {
    /// Those of the public internet.
    Public,
    /// Those of this machine and its networks, too.
    Any,
}

impl Reachable {
    fn admits(self, address: SocketAddr) -> bool {
        match self {
            Self::Public => address::is_public(address.ip()),
            Self::Any => !is_refused(address.ip()),
        }
    }

    /// The reason for a refusal, in words for people.
    fn refusal(self) -> &'static str {
        match self {
            Self::Public => "it is at no public address; an administrator may allow that with MCP_PRIVATE_ADDRESSES",
            Self::Any => "it is at no address that may be connected to",
        }
    }
}

/// TLS settings: the authorities that this machine trusts, or those in `SSL_CERT_FILE`. Read once; `Err` says why no
/// server can be trusted.
static ENCRYPTION: LazyLock<Result<Arc<ClientConfig>, String>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(
            "this machine trusts no certificate authority: install ca-certificates, or set SSL_CERT_FILE".into()
        );
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
});

/// A client for `url` that follows no redirect and connects to these addresses only, whatever a name resolves to at
/// that moment. Fails, with the reason, where no request could succeed.
pub fn client(url: &str, reachable: Reachable) -> Result<awc::Client, String> {
    let uri: Uri = url.parse().map_err(|_| "the URL cannot be read".to_owned())?;
    if let Some(why) = refusal(url, reachable) {
        return Err(why.into());
    }
    let is_encrypted = uri.scheme_str() == Some("https");
    let dialer = Connector::new(Resolver::custom(Lookup(reachable))).service();
    let dialer = dialer.map(move |connection: Connection<Uri, TcpStream>| {
        let (io, uri) = connection.into_parts();
        // Encryption is above this connection: its bytes are no HTTP.
        Connection::new(uri, CloseDelimited::new(io, !is_encrypted))
    });
    let connector = awc::Connector::new()
        .connector(dialer)
        .timeout(CONNECT_TIMEOUT)
        .handshake_timeout(CONNECT_TIMEOUT)
        .conn_keep_alive(KEEP_ALIVE)
        .limit(CONNECTIONS_MAX);
    let connector = if is_encrypted { connector.rustls_0_23(ENCRYPTION.clone()?) } else { connector };
    let client = awc::Client::builder().connector(connector);
    Ok(client.disable_redirects().disable_timeout().no_default_headers().finish())
}

/// The reason why nothing at `url` can ever be connected to: its host is an address that may not be. A literal address
/// is not passed to the resolver.
#[must_use]
pub fn refusal(url: &str, reachable: Reachable) -> Option<&'static str> {
    let uri: Uri = url.parse().ok()?;
    let address = uri.host().and_then(|host| bare(host).parse().ok())?;
    (!reachable.admits(SocketAddr::new(address, 0))).then(|| reachable.refusal())
}

struct Lookup(Reachable);

impl Resolve for Lookup {
    fn lookup<'a>(&'a self, host: &'a str, port: u16) -> LocalBoxFuture<'a, Result<Vec<SocketAddr>, Box<dyn Error>>> {
        let Self(reachable) = *self;
        async move {
            let found = lookup_host((bare(host), port)).await?;
            let addresses: Vec<_> = found.filter(|address| reachable.admits(*address)).collect();
            if addresses.is_empty() {
                return Err(reachable.refusal().into());
            }
            // Before the connect: its error names no address, and may be that of a missing port.
            let unroutable: Option<Vec<_>> = addresses.iter().map(|address| NoRoute::to(address.ip())).collect();
            unroutable.and_then(|faults| faults.into_iter().next()).map_or(Ok(addresses), |fault| Err(fault.into()))
        }
        .boxed_local()
    }
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_leads_to_public_addresses_only_unless_others_are_allowed() {
        // A machine without a route to the address has another reason.
        let refuses = async |reachable: Reachable, host| {
            let found = Lookup(reachable).lookup(host, 80).await;
            found.is_err_and(|error| error.to_string() == reachable.refusal())
        };
        for host in ["localhost", "127.1", "2130706433", "[::1]"] {
            assert!(refuses(Reachable::Public, host).await, "{host}");
            assert!(!refuses(Reachable::Any, host).await, "{host}");
        }
        assert!(refuses(Reachable::Any, "169.254.169.254").await);
        assert!(!refuses(Reachable::Public, "1.1.1.1").await);
    }

    #[test]
    fn an_address_in_the_url_is_checked_like_one_behind_a_name() {
        for url in ["http://127.0.0.1:1/", "http://[::1]/", "http://10.0.0.1/", "http://[::ffff:10.0.0.1]/"] {
            assert!(refusal(url, Reachable::Public).unwrap().contains("MCP_PRIVATE_ADDRESSES"), "{url}");
            assert_eq!(refusal(url, Reachable::Any), None, "{url}");
        }
        assert!(refusal("http://169.254.169.254/", Reachable::Any).is_some());
        assert_eq!(refusal("https://example.com/mcp", Reachable::Public), None);
    }
}
