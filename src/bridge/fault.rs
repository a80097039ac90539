//! JSON-RPC error objects: the bridge's own, and those of the runtime's errors.

use std::sync::Arc;

use serde_json::{json, value::RawValue};

use crate::{
    error::Error,
    mcp::{
        self, Era,
        convert::{raw, text},
    },
    web::problem::Problem,
};

/// The error object of a runtime error. Its code is the HTTP status, its `data` the rest of the problem. Such codes lie
/// outside of the ranges that JSON-RPC and MCP reserve.
pub(crate) fn of_error(error: Error) -> Arc<RawValue> {
    let problem = Problem::from(error);
    if let Problem::Runtime(Error::Internal(cause)) = &problem {
        log::error!(cause; "an MCP request failed for an internal reason");
    }
    let (kind, detail) = (problem.kind(), problem.to_string());
    let mut data = json!({"code": kind.code, "detail": detail});
    if let (Some(seconds), Some(data)) = (problem.retry_after(), data.as_object_mut()) {
        data.insert("retryAfter".to_owned(), seconds.into());
    }
    mcp::error(i64::from(kind.status), &detail, Some(&raw(data.to_string())))
}

/// The client's revision or scope has no such method.
pub(crate) fn no_method(method: &str) -> Arc<RawValue> {
    mcp::error(-32601, &format!("there is no method {method}"), None)
}

/// A parameter is missing or invalid.
pub(crate) fn params(message: &str) -> Arc<RawValue> {
    mcp::error(-32602, message, None)
}

/// No server has such a resource; each era has a code of its own for that.
pub(super) fn no_resource(era: Era, uri: &str) -> Arc<RawValue> {
    let code = match era {
        Era::Legacy => -32002,
        Era::Modern => -32602,
    };
    let data = raw(format!(r#"{{"uri":{}}}"#, text(uri)));
    mcp::error(code, "Resource not found", Some(&data))
}

/// An internal error.
pub(crate) fn internal(message: &str) -> Arc<RawValue> {
    mcp::error(-32603, message, None)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::RateLimited;

    #[test]
    fn an_error_of_the_runtime_says_its_kind_and_when_to_come_back() {
        let limit = RateLimited {
            policy: "tool-execute",
            setting: None,
            quota: 1,
            window: Duration::from_secs(60),
            retry_after: Duration::from_millis(1200),
        };
        let error: serde_json::Value = serde_json::from_str(of_error(Error::RateLimited(limit)).get()).unwrap();
        assert_eq!(
            (&error["code"], &error["data"]["code"], &error["data"]["retryAfter"]),
            (&json!(429), &json!("rate_limited"), &json!(2))
        );
        let error: serde_json::Value =
            serde_json::from_str(of_error(Error::CallTimeout(Duration::from_secs(1))).get()).unwrap();
        assert_eq!(
            (&error["code"], &error["data"]),
            (&json!(504), &json!({"code": "call_timeout", "detail": "no answer within 1000 ms"}))
        );
    }

    #[test]
    fn an_internal_error_keeps_its_cause_to_itself() {
        let text = of_error(Error::Internal("no table users".into()));
        assert!(!text.get().contains("users"), "{text}");
    }
}
