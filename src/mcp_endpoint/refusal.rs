//! [`MessageRefusal`]: a message that was not served, as status and JSON-RPC error; and errors of the runtime as one.

use std::sync::Arc;

use actix_web::{HttpResponse, http::StatusCode};
use serde_json::{json, value::RawValue};

use super::{error_status, json_rpc_id::JsonRpcId, reply};
use crate::{
    bridge::fault,
    error::Error,
    mcp::{self, MODERN},
};

/// The reason for which a message was not served, as an answer.
#[derive(Clone, Debug)]
pub(super) struct MessageRefusal {
    /// The HTTP status.
    pub status: u16,
    /// The id of the request, where one could be read.
    pub id: Option<JsonRpcId>,
    /// The JSON-RPC error object.
    pub error: Arc<RawValue>,
}

impl MessageRefusal {
    pub(super) fn new(status: u16, id: Option<JsonRpcId>, error: Arc<RawValue>) -> Self {
        Self { status, id, error }
    }

    /// The body is no message, or not one that may be sent now.
    pub(super) fn invalid(id: Option<JsonRpcId>, message: &str) -> Self {
        Self::new(400, id, mcp::error(-32600, message, None))
    }

    /// The parameters lack something, or have something that cannot be read.
    pub(super) fn params(id: Option<JsonRpcId>, message: &str) -> Self {
        Self::new(400, id, mcp::error(-32602, message, None))
    }

    /// A header is missing or says something else than the body (2026-07-28, transports/streamable-http).
    pub(super) fn header(id: Option<JsonRpcId>, message: &str) -> Self {
        Self::new(400, id, mcp::error(-32020, message, None))
    }

    /// The revision is not spoken, or not in this way.
    pub(super) fn version(id: Option<JsonRpcId>, requested: &str) -> Self {
        let data = raw(&json!({"supported": [MODERN], "requested": requested}));
        Self::new(400, id, mcp::error(-32022, "this protocol version is not supported", Some(&data)))
    }

    /// The client's revision has no such method.
    pub(super) fn method(id: Option<JsonRpcId>, method: &str) -> Self {
        Self::new(404, id, mcp::error(-32601, &format!("there is no method {method}"), None))
    }

    /// An error of Ostler's own, with the HTTP status as its code.
    pub(super) fn with_status(status: u16, id: Option<JsonRpcId>, message: &str) -> Self {
        Self::new(status, id, mcp::error(i64::from(status), message, None))
    }

    /// An error of the runtime's.
    pub(super) fn of_error(error: Error) -> Self {
        let error = fault::of_error(error);
        let status = u16::try_from(error_status::code(&error)).unwrap_or(500);
        Self::new(status, None, error)
    }

    /// The code of the error.
    #[cfg(test)]
    pub(super) fn code(&self) -> i64 {
        error_status::code(&self.error)
    }

    pub(super) fn respond(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        reply::json(status, reply::message(self.id.as_ref(), Err(&self.error)))
    }
}

fn raw(value: &serde_json::Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
