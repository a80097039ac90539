//! Request bodies: bounded, in time, JSON, and faults that point at the field.

use std::{borrow::Cow, sync::Arc, time::Duration};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header::{self, HeaderMap},
};
use bytes::Bytes;
use futures_util::{StreamExt, future::LocalBoxFuture};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    error::{Error, below, pointer},
    mcp::{LineBudget, LineShare, PartialMessage},
    model::{Exact, from_json},
    web::{json_rpc, problem::Problem},
};

/// The longest body taken, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 4 << 20;
/// The longest time a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Memory for incomplete bodies of all clients together, as an app's data; bodies that stall lose theirs. Clones share
/// it.
#[derive(Clone, Default)]
pub(crate) struct PartialBodies(Arc<LineBudget>);

/// The bytes of a body that says it is JSON.
pub(crate) struct JsonBytes(pub Bytes);

impl FromRequest for JsonBytes {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let declared = declared_length(request.headers());
        let refused = check_head(request.headers(), declared).err().map(|problem| (problem, request.clone()));
        let (mut payload, partial) = (payload.take(), request.app_data::<PartialBodies>().cloned());
        Box::pin(async move {
            if let Some((problem, request)) = refused {
                json_rpc::note_id(&request, &mut payload).await;
                return Err(problem);
            }
            let bytes = tokio::time::timeout(BODY_TIMEOUT, collect(payload, declared, partial)).await;
            bytes.unwrap_or(Err(Problem::RequestTimeout)).map(Self)
        })
    }
}

/// A body read into a `T`, which refuses unknown fields.
pub(crate) struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = JsonBytes::from_request(request, payload);
        Box::pin(async move { Ok(Self(parse(&bytes.await?.0)?)) })
    }
}

/// Reads JSON: `Malformed` where it is none, `Invalid` with a JSON Pointer where it is not what is wanted.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    // The second reading, which keeps track of where it is, is only for those who sent a fault.
    from_json(bytes).or_else(|_| parse_slowly(bytes))
}

fn parse_slowly<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(Exact(&mut json)).map_err(|error| {
        let at = pointer(error.path());
        fault(at, error.inner())
    })?;
    json.end().map_err(|error| fault(String::new(), &error))?;
    Ok(value)
}

fn fault(pointer: String, error: &serde_json::Error) -> Error {
    let text = error.to_string();
    match error.classify() {
        serde_json::error::Category::Data => {
            let message = in_words_of_json(text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message));
            Error::invalid(with_field(pointer, &message), message)
        }
        serde_json::error::Category::Syntax | serde_json::error::Category::Eof | serde_json::error::Category::Io => {
            Error::Malformed(format!("the body is not JSON: {text}"))
        }
    }
}

/// A message without names of types here: callers know arrays and objects.
fn in_words_of_json(message: &str) -> String {
    let message = match message.split_once(", expected struct ") {
        Some((found, _)) => format!("{found}, expected an object"),
        None => message.to_owned(),
    };
    message.replacen("invalid type: sequence,", "invalid type: array,", 1).replacen(
        "invalid type: map,",
        "invalid type: object,",
        1,
    )
}

/// The pointer with the field that the message is about, where the path stops short of it.
fn with_field(pointer: String, message: &str) -> String {
    let named = ["missing field `", "duplicate field `"].iter().find_map(|start| message.strip_prefix(start));
    match named.and_then(|rest| rest.split('`').next()) {
        Some(field) if !pointer.ends_with(&below("", field)) => below(&pointer, field),
        Some(_) | None => pointer,
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn check_head(headers: &HeaderMap, declared: Option<usize>) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let essence = text(header::CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    let is_plain = text(header::CONTENT_ENCODING).is_none_or(|value| value.eq_ignore_ascii_case("identity"));
    if !essence.trim().eq_ignore_ascii_case("application/json") || !is_plain {
        return Err(Problem::UnsupportedMediaType);
    }
    if declared.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(Problem::PayloadTooLarge(BODY_BYTES_MAX));
    }
    Ok(())
}

async fn collect(
    mut payload: Payload,
    declared: Option<usize>,
    partial: Option<PartialBodies>,
) -> Result<Bytes, Problem> {
    let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(unreadable)?;
    if declared == Some(first.len()) {
        return Ok(first);
    }
    let dropped = || Error::Busy("more bodies are arriving than fit");
    let share = partial.map(|PartialBodies(budget)| LineShare::of(&budget)).unwrap_or_default();
    let (mut body, mut length, mut chunk) = (PartialMessage::sharing(&share), 0_usize, Some(first));
    while let Some(bytes) = chunk {
        length = length.saturating_add(bytes.len());
        if length > BODY_BYTES_MAX {
            return Err(Problem::PayloadTooLarge(BODY_BYTES_MAX));
        }
        body.extend(&bytes);
        if body.is_dropped() {
            return Err(dropped().into());
        }
        chunk = payload.next().await.transpose().map_err(unreadable)?;
    }
    Ok(body.finish().map_err(|_| dropped())?.freeze())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the framework's, and growing")]
fn unreadable(error: PayloadError) -> Problem {
    match error {
        PayloadError::Overflow => Problem::PayloadTooLarge(BODY_BYTES_MAX),
        PayloadError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => Problem::RequestTimeout,
        _ => Problem::malformed("the body ended early or its framing is wrong"),
    }
}

/// Text that may be borrowed from the body.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Borrowed<'a>(#[serde(borrow)] pub Cow<'a, str>);

#[cfg(test)]
mod tests;
