//! One check of one instance: asks its health endpoint, or only connects.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    time::Instant,
};

use crate::{
    gateway::{check::CheckView, clock::shown, instance::Instance},
    model::Timestamp,
    policy::service::is_refused,
};

/// A client for checks: it follows no redirect and keeps no connection, so that each check makes one.
pub(super) fn client() -> awc::Client {
    awc::Client::builder().disable_redirects().disable_timeout().no_default_headers().finish()
}

/// Checks `instance` now; takes no longer than `timeout`.
pub(super) async fn check(
    client: awc::Client,
    instance: &Instance,
    path: Option<&str>,
    timeout: Duration,
) -> CheckView {
    let (at, start) = (Timestamp::now(), Instant::now());
    let asked = async {
        match path {
            Some(path) => ask(client, instance, path).await,
            None => connect(instance).await.map(|()| None),
        }
    };
    let answer = tokio::time::timeout(timeout, asked).await;
    let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} ms", timeout.as_millis())));
    let (status, error) = match answer {
        Ok(Some(status)) if !(200..300).contains(&status) => {
            (Some(status), Some(format!("answered {status}, not 2xx")))
        }
        Ok(status) => (status, None),
        Err(error) => (None, Some(error)),
    };
    CheckView { at, healthy: error.is_none(), status, response_time: shown(start.elapsed()), error }
}

async fn ask(client: awc::Client, instance: &Instance, path: &str) -> Result<Option<u16>, String> {
    let (host, port) = (instance.host(), instance.port());
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut failure = String::new();
    for address in addresses(instance).await? {
        let request = client
            .get(format!("http://{authority}{path}"))
            .address(address)
            .insert_header(("User-Agent", concat!("ostler/", env!("CARGO_PKG_VERSION"))))
            .force_close();
        match request.send().await {
            Ok(answer) => return Ok(Some(answer.status().as_u16())),
            Err(error) => failure = error.to_string(),
        }
    }
    Err(failure)
}

async fn connect(instance: &Instance) -> Result<(), String> {
    let connected = TcpStream::connect(&*addresses(instance).await?).await;
    connected.map(drop).map_err(|error| error.to_string())
}

/// Every address of the instance's host that may be connected to.
async fn addresses(instance: &Instance) -> Result<Vec<SocketAddr>, String> {
    let found = lookup_host((instance.host(), instance.port())).await.map_err(|error| error.to_string())?;
    let addresses: Vec<_> = found.filter(|address| !is_refused(address.ip())).collect();
    if addresses.is_empty() { Err("the name has no address that may be connected to".into()) } else { Ok(addresses) }
}
