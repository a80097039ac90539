//! JSON documents, fetched over an encrypted connection or from this machine. Only for the thread of an arbiter.

use awc::{ClientResponse, error::SendRequestError, http::header};
use futures_util::StreamExt;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::error::Category;

use crate::{
    model::{Exact, from_json, without_byte_order_mark},
    outbound::{Reachable, certificate, client},
    policy::{consent::lenient, issuer},
};

/// The longest document.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// The longest reason that is passed on.
const REASON_CHARS_MAX: usize = 300;

/// The error response of an authorization server (RFC 6749, section 5.2; RFC 7591, section 3.2.2).
#[derive(Deserialize)]
struct OAuthError {
    error: String,
    #[serde(default, deserialize_with = "lenient::text")]
    error_description: Option<String>,
}

impl OAuthError {
    /// True when the request is refused for good; false when the server only cannot answer it now.
    fn is_final(&self) -> bool {
        !["server_error", "temporarily_unavailable", "slow_down"].contains(&self.error.as_str())
    }

    fn words(&self) -> String {
        let Self { error, error_description } = self;
        let more = error_description.as_ref().map(|more| format!(": {more}")).unwrap_or_default();
        format!("{error}{more}").chars().filter(|one| !one.is_control()).take(REASON_CHARS_MAX).collect()
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
    /// True when the server refused this very request, so that the same again would be refused as well; false for
    /// every other failure.
    pub is_refusal: bool,
    /// The `error` that an authorization server named.
    pub code: Option<String>,
}

impl FetchError {
    /// A refusal, for this reason.
    pub fn refusal(url: &str, why: &str) -> Self {
        Self { is_refusal: true, ..fault(url, why) }
    }
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

pub(super) fn safe_client(url: &str, reachable: Reachable) -> Result<awc::Client, FetchError> {
    if !issuer::is_safe(url) {
        return Err(fault(url, "is neither https nor on this machine"));
    }
    client(url, reachable).map_err(|why| fault(url, &why))
}

fn fault(url: &str, why: &str) -> FetchError {
    FetchError { text: format!("{url}: {why}"), is_refusal: false, code: None }
}

async fn read<T: DeserializeOwned>(url: &str, sent: Result<ClientResponse, SendRequestError>) -> Result<T, FetchError> {
    let mut answer = sent.map_err(|error| fault(url, &certificate::reason(&error)))?;
    let mut body = Vec::new();
    while let Some(piece) = answer.next().await {
        body.extend_from_slice(&piece.map_err(|error| fault(url, &error.to_string()))?);
        if body.len() > DOCUMENT_BYTES_MAX {
            return Err(fault(url, "is longer than 1 MiB"));
        }
    }
    let status = answer.status();
    let said: Option<OAuthError> = from_json(&body).ok();
    let unread = match (status.as_u16(), parse(&body)) {
        (200 | 201, Ok(document)) => return Ok(document),
        // Some say with status 200 why they refuse.
        (200 | 201, Err(why)) if said.is_none() => return Err(fault(url, &why)),
        _ => answered(status.as_u16(), answer.headers()),
    };
    let words = said.as_ref().map(|said| format!(", {}", said.words())).unwrap_or_default();
    // Other statuses may come from a proxy in between, or pass: 404, 429, 503.
    let is_refusal = match &said {
        Some(said) => !status.is_server_error() && status != 429 && said.is_final(),
        None => matches!(status.as_u16(), 400 | 401),
    };
    Err(FetchError { is_refusal, code: said.map(|said| said.error), ..fault(url, &format!("{unread}{words}")) })
}

/// An answer without a document, in words.
pub(super) fn answered(status: u16, headers: &header::HeaderMap) -> String {
    match headers.get(header::LOCATION).and_then(|place| place.to_str().ok()) {
        Some(place) if (300..400).contains(&status) => {
            let place: String = place.chars().take(REASON_CHARS_MAX).collect();
            format!("answered {status} and leads to {place}, but redirects are not followed")
        }
        Some(_) | None => format!("answered {status}"),
    }
}

/// Reads a document; the error names the member that cannot be read. The text of serde's error may quote the document,
/// which may hold secrets.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(without_byte_order_mark(body));
    let read = serde_path_to_error::deserialize(Exact(&mut json));
    read.map_err(|error| match error.inner().classify() {
        Category::Data => {
            let text = error.inner().to_string();
            match text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
                Some(member) => format!("lacks the member {member}"),
                None if error.path().iter().next().is_none() => "is no JSON object, or has a member twice".to_owned(),
                None => format!("its member {} is not of the kind it should be", error.path()),
            }
        }
        Category::Syntax | Category::Eof | Category::Io => "is no JSON document".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_at_fault_is_named_and_no_value_shown() {
        #[derive(Debug, Deserialize)]
        struct Document {
            #[expect(dead_code, reason = "only read")]
            token: String,
        }
        let why = |text: &str| parse::<Document>(text.as_bytes()).unwrap_err();
        assert_eq!(why(r#"{"other":1}"#), "lacks the member token");
        assert_eq!(why(r#"{"token":["secret"]}"#), "its member token is not of the kind it should be");
        assert_eq!(why("<html>"), "is no JSON document");
        for text in ["[]", r#"{"token":"a","token":"b"}"#] {
            assert_eq!(why(text), "is no JSON object, or has a member twice", "{text}");
        }
        assert!(parse::<Document>("\u{feff}{\"token\":\"a\"}".as_bytes()).is_ok());
        let refused: OAuthError = from_json(br#"{"error":"invalid_client","error_description":["x"]}"#).unwrap();
        assert_eq!(refused.words(), "invalid_client");
        assert!(parse::<Document>(br#"{"token":"a","other":null}"#).is_ok());
    }
}
