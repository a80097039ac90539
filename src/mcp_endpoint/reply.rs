//! JSON-RPC answers as HTTP answers.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use serde_json::value::RawValue;

use super::{
    error_status::{self, problem_of},
    json_rpc_id::JsonRpcId,
};
use crate::{bridge::RpcResult, mcp::Era, web::HandlerResult};

/// An answer as JSON, written around its result without reading it. An error without a readable request has no id.
pub(super) fn message(id: Option<&JsonRpcId>, outcome: Result<&RawValue, &RawValue>) -> String {
    let (name, value) = match outcome {
        Ok(result) => ("result", result.get()),
        Err(error) => ("error", error.get()),
    };
    let id = id.map(|id| format!(r#""id":{id},"#)).unwrap_or_default();
    let mut text = String::with_capacity(value.len() + id.len() + 32);
    text.extend([r#"{"jsonrpc":"2.0","#, &id, "\"", name, "\":", value, "}"]);
    text
}

/// The answer to a request, as [`message`].
pub(super) fn of(id: &JsonRpcId, outcome: &RpcResult) -> String {
    message(Some(id), outcome.as_deref().map_err(AsRef::as_ref))
}

/// A JSON body that no cache keeps.
pub(super) fn json(status: StatusCode, body: impl Into<String>) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body.into())
}

/// The answer where nothing is to be said.
pub(super) fn accepted() -> HttpResponse {
    HttpResponse::Accepted().finish()
}

/// The response where no event came before it. An error that has an HTTP status of its own is a problem.
pub(super) fn respond(era: Era, id: &JsonRpcId, outcome: &RpcResult) -> HandlerResult {
    let status = match outcome {
        Ok(_) => StatusCode::OK,
        Err(error) => match problem_of(error) {
            Some(problem) => return Err(problem),
            None => error_status::status(era, error_status::code(error)),
        },
    };
    Ok(json(status, of(id, outcome)))
}
