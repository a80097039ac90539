//! JSON-RPC errors by the status that HTTP has for them.

use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    error::{Error, Noun},
    mcp::{Era, RpcError},
    web::problem::Problem,
};

/// The code of a JSON-RPC error object.
pub(super) fn code(error: &RawValue) -> i64 {
    RpcError::read(error).code
}

/// The problem that an error object of the bridge stands for, where HTTP reports it: forbidden, and no such server.
pub(super) fn problem_of(error: &RawValue) -> Option<Problem> {
    #[derive(Deserialize)]
    struct Ours {
        code: i64,
        data: ErrorData,
    }
    #[derive(Deserialize)]
    struct ErrorData {
        code: String,
        detail: String,
    }
    let ours: Ours = serde_json::from_str(error.get()).ok()?;
    match (ours.code, ours.data.code.as_str()) {
        (403, "forbidden") => Some(Problem::forbidden(ours.data.detail)),
        (404, "server_not_found") => Some(Error::NotFound(Noun::Server).into()),
        _ => None,
    }
}

/// The status of an answer with this error (2026-07-28, transports/streamable-http). To an older client 404 would mean
/// that its session has ended.
pub(super) fn status(era: Era, code: i64) -> StatusCode {
    match code {
        _ if era == Era::Legacy => StatusCode::OK,
        -32601 => StatusCode::NOT_FOUND,
        -32700 | -32600 | -32022..=-32020 => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bridge::fault::of_error, mcp};

    #[test]
    fn what_is_forbidden_or_unknown_is_told_by_http_and_a_servers_own_error_is_not() {
        let problem_status = |error: Error| problem_of(&of_error(error)).map(|problem| problem.kind().status);
        assert_eq!(problem_status(Error::Forbidden("no".into())), Some(403));
        assert_eq!(problem_status(Error::NotFound(Noun::Server)), Some(404));
        assert_eq!(problem_status(Error::Busy("no")), None);
        assert!(problem_of(&mcp::error(403, "the tool's own", None)).is_none());
    }
}
