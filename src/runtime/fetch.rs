//! Documents of OAuth, fetched over an encrypted connection or from this machine. Only for the thread of an arbiter.

use awc::{ClientRequest, error::SendRequestError};
use futures_util::StreamExt;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{policy::issuer, supervisor::remote};

pub(super) use crate::supervisor::remote::Reachable as Reach;

/// The longest document.
const LONGEST: usize = 1024 * 1024;

/// What a server says that refuses (RFC 6749, section 5.2; RFC 7591, section 3.2.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

/// What is to be sent.
pub(super) enum Body {
    /// Parameters, with the `Authorization` to send along.
    Form(String, Option<String>),
    /// JSON.
    Json(String),
}

/// The document at `url`.
pub(super) async fn fetch<T: DeserializeOwned>(url: &str, reach: Reach) -> Result<T, String> {
    read(url, client(url, reach)?.get(url).insert_header(("Accept", "application/json")), "").await
}

/// What `url` answers to `body`.
pub(super) async fn post<T: DeserializeOwned>(url: &str, reach: Reach, body: Body) -> Result<T, String> {
    let request = client(url, reach)?.post(url).insert_header(("Accept", "application/json"));
    let (request, text) = match body {
        Body::Form(text, authorization) => {
            let request = request.insert_header(("Content-Type", "application/x-www-form-urlencoded"));
            (authorization.into_iter().fold(request, |request, value| request.insert_header(("Authorization", value))), text)
        }
        Body::Json(text) => (request.insert_header(("Content-Type", "application/json")), text),
    };
    read(url, request, &text).await
}

fn client(url: &str, reach: Reach) -> Result<awc::Client, String> {
    if !issuer::is_safe(url) {
        return Err(format!("{url}: is neither https nor on this machine"));
    }
    remote::client(url, reach).map_err(|why| format!("{url}: {why}"))
}

async fn read<T: DeserializeOwned>(url: &str, request: ClientRequest, body: &str) -> Result<T, String> {
    let failed = |why: String| format!("{url}: {why}");
    let sent = request.send_body(body.to_owned()).await;
    let mut answer = sent.map_err(|error: SendRequestError| failed(error.to_string()))?;
    let mut body = Vec::new();
    while let Some(piece) = answer.next().await {
        body.extend_from_slice(&piece.map_err(|error| failed(error.to_string()))?);
        if body.len() > LONGEST {
            return Err(failed("is longer than 1 MiB".into()));
        }
    }
    if !matches!(answer.status().as_u16(), 200 | 201) {
        let refusal: Option<Refusal> = serde_json::from_slice(&body).ok();
        let said = refusal.map(|refusal| match refusal.error_description {
            Some(more) => format!(", {}: {more}", refusal.error),
            None => format!(", {}", refusal.error),
        });
        return Err(failed(format!("answered {}{}", answer.status().as_u16(), said.unwrap_or_default())));
    }
    // What serde says of a fault may quote what it read.
    serde_json::from_slice(&body).map_err(|_| failed("is not the document it should be".into()))
}
