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
    policy::{service::is_refused, shortage::Shortage},
};

/// A client for checks: it follows no redirect and keeps no connection, so that each check makes one.
pub(super) fn client() -> awc::Client {
    awc::Client::builder().disable_redirects().disable_timeout().no_default_headers().finish()
}

/// The end of a check that found nothing good.
enum CheckFault {
    /// The instance is at fault, in these words.
    Instance(String),
    /// Ostler is: the check was not made, and proves nothing.
    Shortage(Shortage),
}

impl From<io::Error> for CheckFault {
    fn from(error: io::Error) -> Self {
        Shortage::of(&error).map_or_else(|| Self::Instance(error.to_string()), Self::Shortage)
    }
}

impl From<SendRequestError> for CheckFault {
    fn from(error: SendRequestError) -> Self {
        if let SendRequestError::Connect(ConnectError::Io(error)) = error {
            return error.into();
        }
        Self::Instance(error.to_string())
    }
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
    let late = |_| Err(CheckFault::Instance(format!("no answer within {} ms", timeout.as_millis())));
    let answer = answer.unwrap_or_else(late);
    let (status, error) = match answer {
        Ok(Some(status)) if !(200..300).contains(&status) => {
            (Some(status), Some(format!("answered {status}, not 2xx")))
        }
        Ok(status) => (status, None),
        Err(CheckFault::Instance(error)) => (None, Some(error)),
        Err(CheckFault::Shortage(shortage)) => return Err(shortage),
    };
    Ok(CheckView { at, healthy: error.is_none(), status, response_time: shown(start.elapsed()), error })
}

/// Asks each address until one answers.
async fn ask(client: &awc::Client, instance: &Instance, path: Option<&str>) -> Result<Option<u16>, CheckFault> {
    let mut fault = None;
    for address in addresses(instance).await? {
        let asked = match path {
            Some(path) => get(client, instance, address, path).await.map(Some),
            None => TcpStream::connect(address).await.map(|_| None).map_err(Into::into),
        };
        match asked {
            Ok(status) => return Ok(status),
            // What one address says of the instance outweighs that another could not be asked.
            Err(CheckFault::Shortage(_)) if fault.is_some() => {}
            Err(other) => fault = Some(other),
        }
    }
    Err(fault.unwrap_or_else(|| CheckFault::Instance("the name has no address that may be connected to".into())))
}

async fn get(client: &awc::Client, instance: &Instance, address: SocketAddr, path: &str) -> Result<u16, CheckFault> {
    let (host, port) = (instance.host(), instance.port());
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let request = client
        .get(format!("http://{authority}{path}"))
        .address(address)
        .insert_header(("User-Agent", concat!("ostler/", env!("CARGO_PKG_VERSION"))))
        .force_close();
    Ok(request.send().await?.status().as_u16())
}

/// Every address of the instance's host that may be connected to.
async fn addresses(instance: &Instance) -> io::Result<Vec<SocketAddr>> {
    let found = lookup_host((instance.host(), instance.port())).await?;
    Ok(found.filter(|address| !is_refused(address.ip())).collect())
}
