//! [`Refusal`]: a message that was not served, as status and JSON-RPC error; and the runtime's errors in that form.

use std::sync::Arc;

use actix_web::{HttpResponse, http::StatusCode};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{message::Id, reply};
use crate::{
    error::Error,
    mcp::{self, MODERN, RpcError},
    web::problem::Problem,
};

/// Why a message was not served.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The id of the request, where one could be read.
    pub id: Option<Id>,
    /// The JSON-RPC error object.
    pub error: Arc<RawValue>,
}

impl Refusal {
    pub fn new(status: u16, id: Option<Id>, error: Arc<RawValue>) -> Self {
        Self { status, id, error }
    }

    /// What was sent is no message, or not one that may be sent now.
    pub fn invalid(id: Option<Id>, message: &str) -> Self {
        Self::new(400, id, mcp::error(-32600, message, None))
    }

    /// The parameters lack something, or have something that cannot be read.
    pub fn params(id: Option<Id>, message: &str) -> Self {
        Self::new(400, id, mcp::error(-32602, message, None))
    }

    /// A header is missing or says something else than the body (2026-07-28, transports/streamable-http).
    pub fn header(id: Option<Id>, message: &str) -> Self {
        Self::new(400, id, mcp::error(-32020, message, None))
    }

    /// The revision is not spoken, or not in this way.
    pub fn version(id: Option<Id>, requested: &str) -> Self {
        let data = raw(&json!({"supported": [MODERN], "requested": requested}));
        Self::new(400, id, mcp::error(-32022, "this protocol version is not supported", Some(&data)))
    }

    /// The client's revision has no such method.
    pub fn method(id: Option<Id>, method: &str) -> Self {
        Self::new(404, id, mcp::error(-32601, &format!("there is no method {method}"), None))
    }

    /// Something of Ostler's own, by the status that HTTP has for it.
    pub fn own(status: u16, id: Option<Id>, message: &str) -> Self {
        Self::new(status, id, mcp::error(i64::from(status), message, None))
    }

    /// The code of the error.
    #[cfg(test)]
    pub fn code(&self) -> i64 {
        code(&self.error)
    }

    pub fn respond(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        reply::json(status, reply::message(self.id.as_ref(), Err(&self.error)))
    }
}

/// The code of a JSON-RPC error object.
pub(super) fn code(error: &RawValue) -> i64 {
    serde_json::from_str::<RpcError>(error.get()).map_or(0, |error| error.code)
}

/// The problem that an error object of ours stands for, where it is one that HTTP tells: not allowed, and no such server.
pub(super) fn told_by_http(error: &RawValue) -> Option<Problem> {
    #[derive(Deserialize)]
    struct Ours {
        code: i64,
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        code: String,
        detail: String,
    }
    let ours: Ours = serde_json::from_str(error.get()).ok()?;
    match (ours.code, ours.data.code.as_str()) {
        (403, "forbidden") => Some(Problem::forbidden(ours.data.detail)),
        (404, "server_not_found") => Some(Error::NotFound(crate::error::Noun::Server).into()),
        _ => None,
    }
}

fn raw(value: &serde_json::Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bridge::fault::of_error, error::Noun};

    #[test]
    fn what_is_forbidden_or_unknown_is_told_by_http_and_a_servers_own_error_is_not() {
        let told = |error: Error| told_by_http(&of_error(error)).map(|problem| problem.kind().status.as_u16());
        assert_eq!(told(Error::Forbidden("no".into())), Some(403));
        assert_eq!(told(Error::NotFound(Noun::Server)), Some(404));
        assert_eq!(told(Error::Busy("no")), None);
        assert!(told_by_http(&mcp::error(403, "the tool's own", None)).is_none());
    }
}
