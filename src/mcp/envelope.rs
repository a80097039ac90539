//! One JSON-RPC 2.0 message, read one level deep.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::from_json;

/// A message from a server; borrowed parts are its own bytes.
#[derive(Debug)]
pub enum Message<'a> {
    /// Wants an answer.
    Request {
        /// To be sent back as it is.
        id: &'a RawValue,
        /// The method requested.
        method: Cow<'a, str>,
        /// Of what.
        params: Option<&'a RawValue>,
    },
    /// Wants none.
    Notification {
        /// The method, which names the event.
        method: Cow<'a, str>,
        /// More about it.
        params: Option<&'a RawValue>,
    },
    /// Answers a request.
    Answer {
        /// The request's id, where it is one we could have used.
        id: Option<u64>,
        /// The result, or the error object.
        outcome: Result<&'a RawValue, &'a RawValue>,
    },
}

/// The line is not a JSON-RPC message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON-RPC message")]
pub struct NotJsonRpc;

#[derive(Deserialize)]
struct LineEnvelope<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Reads one line. An object with both `result` and `error` counts as an error; `null` ids as absent.
    pub fn parse(line: &'a [u8]) -> Result<Self, NotJsonRpc> {
        let envelope: LineEnvelope<'a> = from_json(line).map_err(|_| NotJsonRpc)?;
        if envelope.jsonrpc != "2.0" {
            return Err(NotJsonRpc);
        }
        match (envelope.method, envelope.id) {
            (Some(method), Some(id)) => Ok(Self::Request { id, method, params: envelope.params }),
            (Some(method), None) => Ok(Self::Notification { method, params: envelope.params }),
            (None, id) => {
                let outcome = match (envelope.error, envelope.result) {
                    (Some(error), _) => Err(error),
                    (None, Some(result)) => Ok(result),
                    (None, None) => return Err(NotJsonRpc),
                };
                Ok(Self::Answer { id: id.and_then(|id| id.get().parse().ok()), outcome })
            }
        }
    }
}

/// The error object of an answer (JSON-RPC 2.0, section 5.1).
#[derive(Clone, Debug, Deserialize)]
pub struct RpcError {
    /// Its kind.
    pub code: i64,
    /// In words.
    #[serde(default)]
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_kinds_are_recognized() {
        let parse = |text: &'static str| Message::parse(text.as_bytes());
        assert!(matches!(parse(r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#), Ok(Message::Request { .. })));
        assert!(matches!(parse(r#"{"jsonrpc":"2.0","method":"x","params":{}}"#), Ok(Message::Notification { .. })));
        assert!(matches!(
            parse(r#"{"result":{},"jsonrpc":"2.0","id":7}"#),
            Ok(Message::Answer { id: Some(7), outcome: Ok(_) })
        ));
        assert!(matches!(
            parse(r#"{"jsonrpc":"2.0","id":"7","error":{"code":1,"message":""}}"#),
            Ok(Message::Answer { id: None, outcome: Err(_) })
        ));
    }

    #[test]
    fn an_escaped_method_is_understood() {
        let message = Message::parse(br#"{"jsonrpc":"2.0","method":"notifications\/progress"}"#).unwrap();
        assert!(matches!(message, Message::Notification { method, .. } if method == "notifications/progress"));
    }

    #[test]
    fn banners_arrays_duplicate_keys_and_bad_utf8_are_not_messages() {
        let lines: [&[u8]; 8] = [
            b"Server running on stdio",
            b"[]",
            b"null",
            b"{}",
            b"\xff\xfe",
            br#"{"jsonrpc":"2.0","id":1,"id":2,"result":{}}"#,
            br#"{"jsonrpc":"1.0","id":1,"result":{}}"#,
            br#"["2.0",1,null,null,{},null]"#,
        ];
        assert!(lines.iter().all(|line| Message::parse(line).is_err()));
    }
}
