//! One JSON-RPC 2.0 message, read one level deep.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{from_json, present, without_byte_order_mark};

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
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Reads one line. An object with both `result` and `error` counts as an error, unless that is `null`; `null` ids
    /// as absent.
    pub fn parse(line: &'a [u8]) -> Result<Self, NotJsonRpc> {
        let envelope: LineEnvelope<'a> = from_json(without_byte_order_mark(line)).map_err(|_| NotJsonRpc)?;
        if envelope.jsonrpc != "2.0" {
            return Err(NotJsonRpc);
        }
        match (envelope.method, envelope.id) {
            (Some(method), Some(id)) => Ok(Self::Request { id, method, params: envelope.params }),
            (Some(method), None) => Ok(Self::Notification { method, params: envelope.params }),
            (None, id) => {
                let outcome = match (envelope.error, envelope.result) {
                    (Some(error), Some(result)) if error.get() == "null" => Ok(result),
                    (Some(error), _) => Err(error),
                    (None, Some(result)) => Ok(result),
                    (None, None) => return Err(NotJsonRpc),
                };
                Ok(Self::Answer { id: id.and_then(|id| number(id.get())), outcome })
            }
        }
    }
}

/// The number that a server gave back, also as a text, or as languages write it that have floats alone. The official
/// SDKs take both, so servers do it.
fn number(id: &str) -> Option<u64> {
    let id = id.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(id);
    id.strip_suffix(".0").unwrap_or(id).parse().ok()
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
            parse(r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":""}}"#),
            Ok(Message::Answer { id: Some(7), outcome: Err(_) })
        ));
    }

    #[test]
    fn answers_are_known_in_spellings_that_other_clients_take() {
        for line in [
            "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}",
            r#"{"jsonrpc":"2.0","id":7,"result":null}"#,
            r#"{"jsonrpc":"2.0","id":7.0,"error":null,"result":[]}"#,
            r#"{"jsonrpc":"2.0","id":"7","result":{}}"#,
        ] {
            let answer = Message::parse(line.as_bytes());
            assert!(matches!(answer, Ok(Message::Answer { id: Some(7), outcome: Ok(_) })), "{line}: {answer:?}");
        }
        for line in [r#"{"jsonrpc":"2.0","id":"a","result":1}"#, r#"{"jsonrpc":"2.0","id":7.5,"result":1}"#] {
            let answer = Message::parse(line.as_bytes());
            assert!(matches!(answer, Ok(Message::Answer { id: None, outcome: Ok(_) })), "{line}: {answer:?}");
        }
        let refused = Message::parse(br#"{"jsonrpc":"2.0","id":7,"error":null}"#);
        assert!(matches!(refused, Ok(Message::Answer { id: Some(7), outcome: Err(_) })), "{refused:?}");
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

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_message_or_none(line: Vec<u8>, text in r#"[{}\[\]":,0-9a-z\\ ]{0,80}"#) {
            let _ = (Message::parse(&line), Message::parse(text.as_bytes()));
        }

        #[test]
        fn what_is_answered_is_passed_on_as_it_was_written(id: u64, text: String, is_error: bool) {
            let outcome = serde_json::to_string(&serde_json::json!({ "text": text })).unwrap();
            let member = if is_error { "error" } else { "result" };
            let line = format!(r#"{{"jsonrpc":"2.0","{member}":{outcome},"id":{id}}}"#);
            let Ok(Message::Answer { id: found, outcome: taken }) = Message::parse(line.as_bytes()) else {
                panic!("{line}")
            };
            proptest::prop_assert_eq!((found, taken.is_err()), (Some(id), is_error));
            proptest::prop_assert_eq!(taken.unwrap_or_else(|error| error).get(), outcome);
        }
    }
}
