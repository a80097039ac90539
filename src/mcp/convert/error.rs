//! Error objects of servers with the handshake, for stateless clients.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{input::Question, raw};
use crate::{mcp::Members, model::from_json};

/// Parameters that cannot be accepted; since 2026-07-28 also a resource that is not there.
const INVALID_PARAMS: i64 = -32602;

/// A resource that is not there, until 2026-07-28.
const RESOURCE_NOT_FOUND: i64 = -32002;

/// The user has to visit a page first, in 2025-11-25.
const URL_ELICITATION_REQUIRED: i64 = -32042;

const INTERNAL: i64 = -32603;

/// The code of an error object; 0 where it has none.
#[must_use]
pub fn code(error: &RawValue) -> i64 {
    #[derive(Deserialize)]
    struct Code {
        code: i64,
    }
    from_json::<Code>(error.get()).map_or(0, |error| error.code)
}

/// An error object with a code that 2026-07-28 allows (basic/index#error-codes); the rest of it stays.
#[must_use]
pub fn to_modern(error: &Arc<RawValue>) -> Arc<RawValue> {
    let code = match code(error) {
        RESOURCE_NOT_FOUND => INVALID_PARAMS,
        // Reserved to the specification, which does not know what a server of another era meant by it.
        -32099..=-32020 => INTERNAL,
        _ => return error.clone(),
    };
    let Ok(mut members) = Members::parse(error) else { return error.clone() };
    members.set("code", raw(code.to_string()));
    Arc::from(members.to_raw())
}

/// URL elicitations that an error of 2025-11-25 demands of the user, by keys that Ostler makes; none where it is
/// another error.
#[must_use]
pub fn url_elicitations(error: &RawValue) -> Vec<(String, Question)> {
    #[derive(Deserialize)]
    struct ElicitationError {
        data: ElicitationData,
    }
    #[derive(Deserialize)]
    struct ElicitationData {
        elicitations: Vec<Arc<RawValue>>,
    }
    if code(error) != URL_ELICITATION_REQUIRED {
        return Vec::new();
    }
    let elicitations = from_json::<ElicitationError>(error.get()).map(|error| error.data.elicitations);
    let question = |params| Question { method: "elicitation/create".into(), params: Some(params) };
    let named = |(index, params)| (format!("url_{index}"), question(params));
    (1..).zip(elicitations.unwrap_or_default()).map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_modern_servers_must_not_send_are_replaced_and_all_else_stays() {
        let modern = |json: &str| to_modern(&raw(json.into())).get().to_owned();
        let missing = r#"{"code":-32002,"message":"gone","data":{"uri":"a"},"x":1e400}"#;
        assert_eq!(modern(missing), missing.replace("-32002", "-32602"));
        assert_eq!(modern(r#"{"code":-32042,"message":""}"#), r#"{"code":-32603,"message":""}"#);
        for same in [r#"{"code":-32000, "message":"a"}"#, r#"{"code":-32603}"#, r#"{"code":7}"#, "[]"] {
            assert_eq!(modern(same), same);
        }
    }

    #[test]
    fn pages_that_a_user_must_visit_are_read_from_the_error() {
        let read = |json: &str| url_elicitations(&raw(json.into()));
        let questions =
            read(r#"{"code":-32042,"message":"","data":{"elicitations":[{"mode":"url","url":"https://a"}]}}"#);
        assert_eq!(questions.len(), 1);
        assert_eq!((questions[0].0.as_str(), questions[0].1.method.as_str()), ("url_1", "elicitation/create"));
        assert!(read(r#"{"code":-32602,"data":{"elicitations":[{}]}}"#).is_empty());
        assert!(read(r#"{"code":-32042}"#).is_empty());
    }
}
