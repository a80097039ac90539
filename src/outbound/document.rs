//! JSON documents, fetched over an encrypted connection or from this machine. Only for the thread of an arbiter.

use awc::{ClientResponse, error::SendRequestError};
use futures_util::StreamExt;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    outbound::{Reachable, client},
    policy::issuer,
};

/// The longest document.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// The longest reason that is passed on.
const REASON_CHARS_MAX: usize = 300;

/// The error response of an authorization server (RFC 6749, section 5.2; RFC 7591, section 3.2.2).
#[derive(Deserialize)]
struct OAuthError {
    error: String,
    error_description: Option<String>,
}

impl OAuthError {
    fn words(self) -> String {
        let Self { error, error_description } = self;
        let more = error_description.map(|more| format!(": {more}")).unwrap_or_default();
        let words: String =
            format!("{error}{more}").chars().filter(|one| !one.is_control()).take(REASON_CHARS_MAX).collect();
        format!(", {words}")
    }
}

/// The body of a request.
pub enum Body {
    /// Parameters, with the `Authorization` to send along.
    Form(String, Option<String>),
    /// JSON.
    Json(String),
}

/// The reason why there is no document.
pub struct FetchError {
    /// In words, which hold nothing secret.
    pub text: String,
    /// True when the server refused with a 4xx status; false for every other failure.
    pub is_refusal: bool,
}

impl From<FetchError> for String {
    fn from(fault: FetchError) -> Self {
        fault.text
    }
}

/// The document at `url`.
pub async fn fetch<T: DeserializeOwned>(url: &str, reachable: Reachable) -> Result<T, FetchError> {
    let request = safe_client(url, reachable)?.get(url).insert_header(("Accept", "application/json"));
    read(url, request.send().await).await
}

/// Sends `body` to `url`, and reads the document in the response.
pub async fn post<T: DeserializeOwned>(url: &str, reachable: Reachable, body: Body) -> Result<T, FetchError> {
    let request = safe_client(url, reachable)?.post(url).insert_header(("Accept", "application/json"));
    let sent = match body {
        Body::Form(text, authorization) => {
            let request = request.insert_header(("Content-Type", "application/x-www-form-urlencoded"));
            let signed = authorization.into_iter();
            signed.fold(request, |request, value| request.insert_header(("Authorization", value))).send_body(text)
        }
        Body::Json(text) => request.insert_header(("Content-Type", "application/json")).send_body(text),
    };
    read(url, sent.await).await
}

fn safe_client(url: &str, reachable: Reachable) -> Result<awc::Client, FetchError> {
    if !issuer::is_safe(url) {
        return Err(fault(url, "is neither https nor on this machine"));
    }
    client(url, reachable).map_err(|why| fault(url, &why))
}

fn fault(url: &str, why: &str) -> FetchError {
    FetchError { text: format!("{url}: {why}"), is_refusal: false }
}

async fn read<T: DeserializeOwned>(url: &str, sent: Result<ClientResponse, SendRequestError>) -> Result<T, FetchError> {
    let mut answer = sent.map_err(|error| fault(url, &error.to_string()))?;
    let mut body = Vec::new();
    while let Some(piece) = answer.next().await {
        body.extend_from_slice(&piece.map_err(|error| fault(url, &error.to_string()))?);
        if body.len() > DOCUMENT_BYTES_MAX {
            return Err(fault(url, "is longer than 1 MiB"));
        }
    }
    let status = answer.status();
    if !matches!(status.as_u16(), 200 | 201) {
        let refusal: Option<OAuthError> = serde_json::from_slice(&body).ok();
        let said = refusal.map_or_else(String::new, OAuthError::words);
        let text = format!("{url}: answered {}{said}", status.as_u16());
        return Err(FetchError { text, is_refusal: status.is_client_error() });
    }
    // The text of serde's error may quote the document, which may hold secrets.
    serde_json::from_slice(&body).map_err(|_| fault(url, "is not the document it should be"))
}
