//! Messages to a URL that takes them by POST. Only for the thread of an arbiter.

use crate::outbound::{Reachable, certificate, client};

/// Sends a JSON text with further headers; the error, which does not show the URL, is for people. Takes as long as the
/// receiver lets it.
pub(crate) async fn notify(url: &str, headers: &[(&str, String)], body: String) -> Result<(), String> {
    let agent = concat!("ostler/", env!("CARGO_PKG_VERSION"));
    let request = client(url, Reachable::Any)?.post(url).insert_header(("User-Agent", agent));
    let request = request.insert_header(("Content-Type", "application/json"));
    let request = headers.iter().fold(request, |request, (name, value)| request.insert_header((*name, value.as_str())));
    let answer = request.send_body(body).await.map_err(|error| certificate::reason(&error))?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status().as_u16())) }
}
