//! Clients that connect to permitted addresses only, and trust the certificate authorities of this machine.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use actix_service::{Service, ServiceExt, apply_fn};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Connector, Resolve, Resolver};
use awc::{ClientBuilder, http::Uri};
use futures_util::future::{FutureExt, LocalBoxFuture};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::outbound::{
    close_delimited::CloseDelimited,
    encryption::{Http, encryptor, https},
    reachable::Reachable,
};

/// Longest time to connect, the look-up of the name and the agreement on encryption included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that an idle connection is kept for the next request. Most of these are POSTs, which cannot be sent again when
/// a server closes its connection just then, and some servers close theirs after a second.
const KEEP_ALIVE: Duration = Duration::from_millis(500);

/// Connections at once. Requests are bounded elsewhere.
const CONNECTIONS_MAX: usize = 2048;

/// A connection as `awc` gets it.
type Mended<IO> = Connection<Uri, CloseDelimited<IO>>;

/// A client for `url` that follows no redirect and connects to these addresses only, whatever a name resolves to at
/// that moment. Fails, with the reason, where no request could succeed.
pub fn client(url: &str, reachable: Reachable) -> Result<awc::Client, String> {
    let uri: Uri = url.parse().map_err(|_| "the URL cannot be read".to_owned())?;
    if let Some(why) = refusal(url, reachable) {
        return Err(why.into());
    }
    let dialer = Connector::new(Resolver::custom(Lookup(reachable))).service();
    if uri.scheme_str() != Some("https") {
        return Ok(builder(dialer).finish());
    }
    let dialer =
        apply_fn::<_, _, _, _, _, ConnectInfo<Uri>, _, _>(dialer, |target, dialer| dialer.call(https(&target)));
    let dialer = dialer.and_then(encryptor()?.map_err(ConnectError::Io));
    Ok(builder(dialer).wrap(Http(())).finish())
}

/// A builder of clients that speak HTTP on connections of `dialer`.
fn builder<IO: AsyncRead + AsyncWrite + Unpin + fmt::Debug + 'static>(
    dialer: impl Service<ConnectInfo<Uri>, Response = Connection<Uri, IO>, Error = ConnectError> + Clone + 'static,
) -> ClientBuilder<impl Service<ConnectInfo<Uri>, Response = Mended<IO>, Error = ConnectError> + Clone + 'static> {
    let dialer = dialer.map(|connection: Connection<Uri, IO>| {
        let (io, uri) = connection.into_parts();
        Connection::new(uri, CloseDelimited::new(io))
    });
    let connector = awc::Connector::new()
        .connector(dialer)
        .timeout(CONNECT_TIMEOUT)
        .conn_keep_alive(KEEP_ALIVE)
        .limit(CONNECTIONS_MAX);
    awc::Client::builder().connector(connector).disable_redirects().disable_timeout().no_default_headers()
}

/// The reason why nothing at `url` can ever be connected to: its host is an address that may not be. A literal address
/// is not passed to the resolver.
#[must_use]
pub fn refusal(url: &str, reachable: Reachable) -> Option<&'static str> {
    let uri: Uri = url.parse().ok()?;
    let address: IpAddr = uri.host().and_then(|host| bare(host).parse().ok())?;
    (!reachable.admits(address)).then(|| reachable.refusal())
}

struct Lookup(Reachable);

impl Resolve for Lookup {
    fn lookup<'a>(&'a self, host: &'a str, port: u16) -> LocalBoxFuture<'a, Result<Vec<SocketAddr>, Box<dyn Error>>> {
        let Self(reachable) = *self;
        async move { Ok(reachable.resolve(bare(host), port).await?) }.boxed_local()
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
