//! Documents that are asked for again and again, and sent again only where they have changed (RFC 9110, section 13).
//! Only for the thread of an arbiter.

use std::time::Duration;

use awc::{ClientResponse, http::header};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use crate::{
    model::{Timestamp, without_byte_order_mark},
    outbound::{
        Reachable, certificate,
        document::{answered, safe_client},
    },
    policy::retry_after,
};

/// Longest time for a document.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// Most bytes of a validator that is kept.
const VALIDATOR_BYTES_MAX: usize = 1024;

/// Validators of a document, as they came with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Validators {
    etag: Option<String>,
    last_modified: Option<String>,
}

/// A document, asked for under a condition.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// It is as it was when the validators came.
    Unchanged,
    /// Its text, and its validators.
    Document(String, Validators),
}

/// The reason why there is no document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotFetched {
    /// In words, without the URL.
    pub(crate) reason: String,
    /// The pause that was asked for before the next request.
    pub(crate) retry_after: Option<Duration>,
}

impl NotFetched {
    /// For this reason.
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry_after: None }
    }
}

/// Fetches the JSON text at `url`, of at most `bytes_max`, unless `known` says that it is as it was. `token` is sent as
/// a bearer token.
pub(crate) async fn fetch_if_changed(
    url: &str,
    reachable: Reachable,
    token: Option<&str>,
    known: &Validators,
    bytes_max: usize,
) -> Result<Fetched, NotFetched> {
    let client = safe_client(url, reachable).map_err(|fault| NotFetched::because(without(url, &fault.text)))?;
    let agent = concat!("ostler/", env!("CARGO_PKG_VERSION"));
    let request = client.get(url).insert_header(("Accept", "application/json")).insert_header(("User-Agent", agent));
    let bearer = token.map(|token| format!("Bearer {token}"));
    let fields =
        [("Authorization", &bearer), ("If-None-Match", &known.etag), ("If-Modified-Since", &known.last_modified)];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?.as_str())));
    let request = fields.fold(request, |request, field| request.insert_header(field));
    let fetched = async {
        let sent = request.send().await.map_err(|error| NotFetched::because(certificate::reason(&error)))?;
        read(sent, known, bytes_max).await
    };
    let late = || NotFetched::because(format!("did not answer within {} s", FETCH_TIMEOUT.as_secs()));
    tokio::time::timeout(FETCH_TIMEOUT, fetched).await.unwrap_or_else(|_| Err(late()))
}

async fn read(mut answer: ClientResponse, known: &Validators, bytes_max: usize) -> Result<Fetched, NotFetched> {
    let field = |name: header::HeaderName| {
        let value = answer.headers().get(name)?.to_str().ok()?;
        (value.len() <= VALIDATOR_BYTES_MAX).then(|| value.to_owned())
    };
    match answer.status().as_u16() {
        200 => {}
        304 if *known != Validators::default() => return Ok(Fetched::Unchanged),
        status => {
            let pause = field(header::RETRY_AFTER).and_then(|text| retry_after::parse(&text, Timestamp::now()));
            return Err(NotFetched { reason: answered(status, answer.headers()), retry_after: pause });
        }
    }
    let validators = Validators { etag: field(header::ETAG), last_modified: field(header::LAST_MODIFIED) };
    let mut body = Vec::new();
    while let Some(piece) = answer.next().await {
        body.extend_from_slice(&piece.map_err(|error| NotFetched::because(format!("broke off: {error}")))?);
        if body.len() > bytes_max {
            return Err(NotFetched::because(format!("sent more than {} KiB", bytes_max >> 10)));
        }
    }
    let text = std::str::from_utf8(without_byte_order_mark(&body)).map_err(|_| NotFetched::because("sent no text"))?;
    Ok(Fetched::Document(text.to_owned(), validators))
}

/// The text of a fault, without the URL that it begins with.
fn without(url: &str, text: &str) -> String {
    text.strip_prefix(url).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(text).to_owned()
}
