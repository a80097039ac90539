//! One check of one instance: asks its health endpoint, or only connects.

use std::{io, net::SocketAddr, time::Duration};

use awc::error::{ConnectError, SendRequestError};
use tokio::{
    net::{TcpStream, lookup_host},
    time::Instant,
};

use crate::{
    gateway::{check::CheckView, clock::shown, instance::Instance},
    model::Timestamp,
    outbound::route,
    policy::{service::is_refused, shortage::Shortage},
};

/// A client for checks: it follows no redirect and keeps no connection, so that each check makes one.
pub(super) fn client() -> awc::Client {
    awc::Client::builder().disable_redirects().disable_timeout().no_default_headers().finish()
}

/// Checks `instance` now; takes no longer than `timeout`. `Shortage` where that could not be done.
pub(super) async fn check(
    client: awc::Client,
    instance: &Instance,
    path: Option<&str>,
    timeout: Duration,
) -> Result<CheckView, Shortage> {
    let (at, start) = (Timestamp::now(), Instant::now());
    let answer = tokio::time::timeout(timeout, ask(&client, instance, path)).await;
    let late = |_| Err(io::Error::other(format!("no answer within {} ms", timeout.as_millis())));
    let answer = answer.unwrap_or_else(late);
    let (status, error) = match answer {
        Ok(Some(status)) if !(200..300).contains(&status) => {
            (Some(status), Some(format!("answered {status}, not 2xx")))
        }
        Ok(status) => (status, None),
        Err(error) => match Shortage::of(&error) {
            Some(shortage) => return Err(shortage),
            None => (None, Some(error.to_string())),
        },
    };
    Ok(CheckView { at, healthy: error.is_none(), status, response_time: shown(start.elapsed()), error })
}

/// Asks each address until one answers.
async fn ask(client: &awc::Client, instance: &Instance, path: Option<&str>) -> io::Result<Option<u16>> {
    let mut last = None;
    for address in addresses(instance).await? {
        let asked = match path {
            Some(path) => get(client, instance, address, path).await.map(Some),
            None => TcpStream::connect(address).await.map(|_| None),
        };
        match asked {
            Ok(status) => return Ok(status),
            Err(error) => last = Some(route::more_telling(last, route::explained(error, address))),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("the name has no address that may be connected to")))
}

async fn get(client: &awc::Client, instance: &Instance, address: SocketAddr, path: &str) -> io::Result<u16> {
    let (host, port) = (instance.host(), instance.port());
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let request = client
        .get(format!("http://{authority}{path}"))
        .address(address)
        .insert_header(("User-Agent", concat!("ostler/", env!("CARGO_PKG_VERSION"))))
        .force_close();
    let answer = request.send().await.map_err(connect_error)?;
    Ok(answer.status().as_u16())
}

/// The system's error of a failed connect; of any other failure its words alone.
fn connect_error(error: SendRequestError) -> io::Error {
    if let SendRequestError::Connect(ConnectError::Io(error)) = error {
        return error;
    }
    io::Error::other(error.to_string())
}

/// Every address of the instance's host that may be connected to.
async fn addresses(instance: &Instance) -> io::Result<Vec<SocketAddr>> {
    let found = lookup_host((instance.host(), instance.port())).await?;
    Ok(found.filter(|address| !is_refused(address.ip())).collect())
}
