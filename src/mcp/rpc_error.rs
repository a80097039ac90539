//! Errors of servers, of whatever shape.

use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    mcp::{Members, error},
    model::from_json,
};

/// The code of an internal error (JSON-RPC 2.0, section 5.1), for errors that have none.
const INTERNAL_ERROR: i64 = -32603;

/// The error object of an answer (JSON-RPC 2.0, section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// Its kind; 0 where it has none.
    pub code: i64,
    /// In words.
    pub message: String,
}

impl RpcError {
    /// Reads what a server gave as its error, which may be mere words.
    #[must_use]
    pub fn read(error: &RawValue) -> Self {
        let Ok(members) = Members::parse(error) else {
            return Self { code: 0, message: serde_json::from_str(error.get()).unwrap_or_default() };
        };
        let code = members.get("code").and_then(|code| code.get().trim_matches('"').parse().ok());
        Self { code: code.unwrap_or_default(), message: members.text("message").unwrap_or_default() }
    }

    /// The refusal in words, with its code.
    #[must_use]
    pub fn refusal(&self) -> String {
        match self {
            Self { code: 0, message } if message.is_empty() => "the server refused the call".to_owned(),
            Self { code, message } => format!("{message} ({code})"),
        }
    }

    /// The error as clients take it: they wait for ever for an answer whose error has no code or no message.
    #[must_use]
    pub fn well_formed(given: &RawValue) -> Arc<RawValue> {
        #[derive(Deserialize)]
        struct WellFormed<'a> {
            #[serde(rename = "code")]
            _code: i64,
            #[serde(borrow, rename = "message")]
            _message: Cow<'a, str>,
        }
        if from_json::<WellFormed<'_>>(given.get()).is_ok() {
            return Arc::from(given.to_owned());
        }
        let Self { code, message } = Self::read(given);
        let code = if code == 0 { INTERNAL_ERROR } else { code };
        error(code, if message.is_empty() { "the server gave no reason" } else { &message }, Some(given))
    }

    /// The error in place of a result that is no object, which clients do not take for an answer either.
    #[must_use]
    pub fn of_result(given: &RawValue) -> Arc<RawValue> {
        let beginning: String = given.get().chars().take(100).collect();
        error(INTERNAL_ERROR, &format!("the server gave a result that is no object: {beginning}"), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_any_shape_keeps_its_words() {
        for (given, code, message) in [
            (r#"{"code":-32601,"message":"a"}"#, -32601, "a"),
            (r#"{"code":"-32601","message":"a","data":null}"#, -32601, "a"),
            (r#"{"code":"E1","message":"a"}"#, 0, "a"),
            (r#"{"message":"a"}"#, 0, "a"),
            (r#"{"code":7,"message":null}"#, 7, ""),
            (r#""boom""#, 0, "boom"),
            ("[7]", 0, ""),
            ("null", 0, ""),
        ] {
            let read = RpcError::read(serde_json::from_str(given).unwrap());
            assert_eq!(read, RpcError { code, message: message.to_owned() }, "{given}");
        }
    }

    #[test]
    fn what_clients_take_stays_and_all_else_is_put_into_an_error_object() {
        let well_formed = |given: &str| RpcError::well_formed(serde_json::from_str(given).unwrap()).get().to_owned();
        let good = r#"{ "code":-1, "message":"\u0061","data":[] }"#;
        assert_eq!(well_formed(good), good);
        assert_eq!(well_formed(r#""boom""#), r#"{"code":-32603,"message":"boom","data":"boom"}"#);
        assert_eq!(
            well_formed(r#"{"code":7}"#),
            r#"{"code":7,"message":"the server gave no reason","data":{"code":7}}"#
        );
    }
}
