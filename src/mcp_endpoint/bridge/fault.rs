//! The bridge's own JSON-RPC errors.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::mcp;
pub(super) use crate::mcp_endpoint::refusal::of_error;

/// The client's revision, or what it speaks with, has no such method.
pub(super) fn no_method(method: &str) -> Arc<RawValue> {
    mcp::error(-32601, &format!("there is no method {method}"), None)
}

/// The parameters lack something, or have something that cannot be accepted.
pub(super) fn params(message: &str) -> Arc<RawValue> {
    mcp::error(-32602, message, None)
}

/// Something did not go as it must.
pub(super) fn internal(message: &str) -> Arc<RawValue> {
    mcp::error(-32603, message, None)
}
