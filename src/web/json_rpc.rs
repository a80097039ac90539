//! Refusals of requests under `/mcp` as JSON-RPC errors: clients of MCP show those to their users, and no problem.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    body::BoxBody,
    dev::Payload,
    http::{
        Method,
        header::{self, HeaderValue},
    },
};
use bytes::BytesMut;
use futures_util::StreamExt;
use serde::{
    Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    mcp,
    web::{
        mount,
        problem::{Occurrence, Problem},
    },
};

/// Bytes of a refused request that are read for its id: most are shorter.
const START_BYTES_MAX: usize = 64 << 10;
/// Time for them to arrive; without them the refusal is a problem.
const START_TIMEOUT: Duration = Duration::from_secs(1);

/// The id of the JSON-RPC request that is refused, as its client wrote it.
#[derive(Clone, Debug)]
pub(crate) struct RefusedId(pub Arc<RawValue>);

/// True for the paths of the URL table at which MCP is spoken.
pub(crate) fn is_endpoint(path: &str) -> bool {
    path == "/mcp" || path.starts_with("/mcp/")
}

/// The id of a request that is refused before its body is read, where `received` has enough of the body.
pub(crate) fn received_id(method: &Method, path: &str, received: &[u8]) -> Option<RefusedId> {
    if method != Method::POST || !is_endpoint(path) {
        return None;
    }
    request_id(received.get(..START_BYTES_MAX).unwrap_or(received)).map(RefusedId)
}

/// Reads the id of a request that is refused before its body is read.
pub(crate) async fn note_id(request: &HttpRequest, payload: &mut Payload) {
    // A client that asks first is to be spared sending its body.
    let asks_first = request.headers().contains_key(header::EXPECT);
    if request.method() != Method::POST || !is_endpoint(mount::path_below(request)) || asks_first {
        return;
    }
    let mut start = BytesMut::new();
    let read = async {
        while start.len() < START_BYTES_MAX
            && let Some(Ok(piece)) = payload.next().await
        {
            start.extend_from_slice(&piece);
        }
    };
    let _ = tokio::time::timeout(START_TIMEOUT, read).await;
    if let Some(id) = request_id(&start) {
        request.extensions_mut().insert(RefusedId(id));
    }
}

/// The answer to a request with this id: status and headers of the problem, which is the `data` of the error.
pub(crate) fn respond(problem: &Problem, id: &RefusedId, occurrence: Occurrence<'_>) -> HttpResponse {
    let data = serde_json::value::to_raw_value(&problem.body(occurrence)).ok();
    let response = problem.respond(occurrence);
    let error = mcp::error(i64::from(response.status().as_u16()), &problem.to_string(), data.as_deref());
    let mut response = response.set_body(BoxBody::new(format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, id.0)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The id of a request, of which the end may be missing; `None` for a notification, a response, or a batch.
fn request_id(start: &[u8]) -> Option<Arc<RawValue>> {
    let mut found = FoundMembers::default();
    // What was found before a fault or the end counts.
    let _ = serde_json::Deserializer::from_slice(start).deserialize_map(&mut found);
    let id = found.id.filter(|_| found.has_method)?;
    id.get().starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit()).then(|| Arc::from(id))
}

/// Members of a message that make it a request.
#[derive(Default)]
struct FoundMembers {
    id: Option<Box<RawValue>>,
    has_method: bool,
}

impl<'de> Visitor<'de> for &mut FoundMembers {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            match &*name {
                "id" => self.id = Some(members.next_value()?),
                name => {
                    self.has_method |= name == "method";
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_request_is_found_wherever_it_stands() {
        let id = |text: &str| request_id(text.as_bytes()).map(|id| id.get().to_owned());
        assert_eq!(id(r#"{"jsonrpc":"2.0","id":7,"method":"a","params":{"text":"cut of"#).as_deref(), Some("7"));
        assert_eq!(id(r#"{"method":"a","params":{"id":1},"id":"b\\n"}"#).as_deref(), Some(r#""b\\n""#));
        for none in [
            r#"{"jsonrpc":"2.0","method":"a"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"method":"a"}}"#,
            r#"[{"id":1,"method":"a"}]"#,
            r#"{"id":null,"method":"a"}"#,
            r#"{"method":"a","params":{"cut"#,
            "",
        ] {
            assert_eq!(id(none), None, "{none}");
        }
    }
}
