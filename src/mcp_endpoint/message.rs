//! The body of a client's POST: JSON-RPC messages, parsed one level deep.

use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{json_rpc_id::JsonRpcId, refusal::MessageRefusal};
use crate::{
    bridge::RpcResult,
    mcp::{self, Members, Request},
    model::{from_json, present},
    policy::nesting,
};

/// Messages of one batch, at most.
const BATCH_MESSAGES_MAX: usize = 100;

/// One message.
#[derive(Debug)]
pub(super) enum ClientMessage {
    /// Wants an answer.
    Request(JsonRpcId, Request),
    /// Wants none.
    Notification(Request),
    /// Answers what we asked.
    Answer(JsonRpcId, RpcResult),
}

/// The body of a POST.
#[derive(Debug)]
pub(super) enum PostBody {
    /// One message.
    One(ClientMessage),
    /// Several, which only the revision 2025-03-26 has.
    Batch(Vec<ClientMessage>),
}

impl PostBody {
    /// Reads a body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, MessageRefusal> {
        if body.trim_ascii_start().first() != Some(&b'[') {
            return ClientMessage::parse(body).map(Self::One);
        }
        let parts: Vec<&RawValue> = serde_json::from_slice(body).map_err(not_json)?;
        if !(1..=BATCH_MESSAGES_MAX).contains(&parts.len()) {
            return Err(MessageRefusal::invalid(None, "a batch has 1 to 100 messages"));
        }
        parts
            .into_iter()
            .map(|part| ClientMessage::parse(part.get().as_bytes()))
            .collect::<Result<_, _>>()
            .map(Self::Batch)
    }

    /// The id of the request, where it is one.
    pub(super) fn id(&self) -> Option<JsonRpcId> {
        match self {
            Self::One(ClientMessage::Request(id, _)) => Some(id.clone()),
            Self::One(ClientMessage::Notification(_) | ClientMessage::Answer(..)) | Self::Batch(_) => None,
        }
    }
}

/// A message, its `params` read or not.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a, P: Deserialize<'de>"))]
struct Envelope<'a, P> {
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present")]
    params: Option<P>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl ClientMessage {
    fn parse(text: &[u8]) -> Result<Self, MessageRefusal> {
        match from_json::<Envelope<'_, Members>>(text) {
            Ok(envelope) => Self::of(envelope, Ok),
            // Read once more for a refusal that knows the id.
            Err(_) => Self::of(from_json(text).map_err(not_json)?, Members::parse),
        }
    }

    fn of<P>(
        envelope: Envelope<'_, P>,
        members: impl FnOnce(P) -> serde_json::Result<Members>,
    ) -> Result<Self, MessageRefusal> {
        let id = envelope.id.map(JsonRpcId::parse);
        let known = id.clone().flatten();
        if envelope.jsonrpc.as_deref() != Some("2.0") {
            return Err(MessageRefusal::invalid(known, "`jsonrpc` must be \"2.0\""));
        }
        if id == Some(None) {
            return Err(MessageRefusal::invalid(None, "`id` must be a string or a whole number"));
        }
        if let Some(method) = envelope.method {
            let params = envelope.params.map(members).transpose();
            let params = params.map_err(|error| {
                MessageRefusal::invalid(known.clone(), &format!("`params` cannot be read: {error}"))
            })?;
            let request = Request::of(method, params.unwrap_or_default());
            if let Some((name, _)) = request.params.iter().find(|(_, value)| is_too_deep(value)) {
                return Err(MessageRefusal::params(known, &format!("`params.{name}` {}", nesting::TOO_DEEP)));
            }
            return Ok(match known {
                Some(id) => Self::Request(id, request),
                None => Self::Notification(request),
            });
        }
        let outcome = match (envelope.error, envelope.result) {
            (Some(error), None) => Err(Arc::from(error.to_owned())),
            (None, Some(result)) => Ok(Arc::from(result.to_owned())),
            (Some(_), Some(_)) | (None, None) => {
                return Err(MessageRefusal::invalid(known, "a message has a `method`, a `result` or an `error`"));
            }
        };
        let (Ok(value) | Err(value)) = &outcome;
        if is_too_deep(value) {
            return Err(MessageRefusal::invalid(known, &format!("an answer {}", nesting::TOO_DEEP)));
        }
        match known {
            Some(id) => Ok(Self::Answer(id, outcome)),
            None => Err(MessageRefusal::invalid(None, "an answer carries the `id` of its request")),
        }
    }
}

fn is_too_deep(json: &RawValue) -> bool {
    nesting::exceeds(json.get(), nesting::SENT_MAX)
}

fn not_json(error: serde_json::Error) -> MessageRefusal {
    if error.is_data() {
        return MessageRefusal::invalid(None, &format!("the body is not a JSON-RPC message: {error}"));
    }
    MessageRefusal::new(400, None, mcp::error(-32700, &format!("the body is not JSON: {error}"), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PostBody, MessageRefusal> {
        PostBody::parse(text.as_bytes())
    }

    fn code(text: &str) -> (u16, i64) {
        let refusal = parse(text).unwrap_err();
        (refusal.status, refusal.code())
    }

    #[test]
    fn requests_notifications_and_answers_are_told_apart() {
        let one = |text: &str| match parse(text).unwrap() {
            PostBody::One(message) => message,
            PostBody::Batch(_) => panic!("a batch"),
        };
        assert!(matches!(one(r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#), ClientMessage::Request(..)));
        assert!(matches!(one(r#"{"jsonrpc":"2.0","method":"x","params":{}}"#), ClientMessage::Notification(_)));
        assert!(
            matches!(one(r#"{"jsonrpc":"2.0","id":3,"result":{}}"#), ClientMessage::Answer(id, Ok(_)) if id.number() == Some(3))
        );
        assert!(matches!(one(r#"{"jsonrpc":"2.0","id":3,"error":{"code":1}}"#), ClientMessage::Answer(_, Err(_))));
        assert!(matches!(one("{\n \"jsonrpc\": \"2.0\",\r\n \"id\": 1, \"method\": \"tools\\/list\"}"),
            ClientMessage::Request(_, request) if request.method == "tools/list"));
    }

    #[test]
    fn ids_are_strings_or_whole_numbers_and_never_null() {
        for id in ["\"\"", "\"1\"", "0", "-7", "123456789012345678901234567890"] {
            assert!(parse(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)).is_ok(), "{id}");
        }
        for id in ["null", "1.5", "1e3", "true", "{}", "[1]"] {
            assert_eq!(code(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)), (400, -32600), "{id}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused_by_its_kind() {
        assert_eq!(code("{"), (400, -32700));
        assert_eq!(code(""), (400, -32700));
        for text in [
            "1",
            "{}",
            "[]",
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1,"a":2}}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"[["2.0",1,"ping",{},{},null]]"#,
        ] {
            assert_eq!(code(text), (400, -32600), "{text}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_refused_whoever_it_is_for() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let call = |value: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"arguments":{value}}}}}"#);
        let answer = |value: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{value}}}"#);
        assert!(parse(&call(&nested(128))).is_ok() && parse(&answer(&nested(128))).is_ok());
        assert_eq!(code(&call(&nested(129))), (400, -32602));
        assert_eq!(code(&answer(&nested(100_000))), (400, -32600));
    }

    #[test]
    fn a_batch_is_read_message_by_message() {
        let text = r#" [{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"x"}]"#;
        assert!(matches!(parse(text).unwrap(), PostBody::Batch(messages) if messages.len() == 2));
    }
}
