//! The only table of status codes: which kind of problem an error is.

use actix_web::http::StatusCode;

use crate::{
    error::{Error, Noun},
    http1::HeadFault,
};

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProblemKind {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code.
    pub code: &'static str,
    /// The title.
    pub title: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:ident $code:literal $title:literal;)+) => {
        $(pub(crate) const $name: ProblemKind =
            ProblemKind { status: StatusCode::$status, code: $code, title: $title };)+
        /// Every kind of problem there is.
        pub(crate) const ALL: &[ProblemKind] = &[$($name),+];
    };
}

kinds! {
    MALFORMED_REQUEST = BAD_REQUEST "malformed_request" "The request cannot be read";
    TOOL_EXECUTION_FAILED = BAD_REQUEST "tool_execution_failed" "The tool reported a failure";
    UNAUTHENTICATED = UNAUTHORIZED "unauthenticated" "Authentication is needed";
    FORBIDDEN = FORBIDDEN "forbidden" "Not allowed";
    COMMAND_NOT_ALLOWED = FORBIDDEN "command_not_allowed" "This command line is not allowed";
    SERVER_NOT_FOUND = NOT_FOUND "server_not_found" "No such server";
    USER_NOT_FOUND = NOT_FOUND "user_not_found" "No such user";
    CALL_NOT_FOUND = NOT_FOUND "call_not_found" "No such call";
    KEY_NOT_FOUND = NOT_FOUND "key_not_found" "No such key";
    SHARE_NOT_FOUND = NOT_FOUND "share_not_found" "No such share";
    SERVICE_NOT_FOUND = NOT_FOUND "service_not_found" "No such service";
    INSTANCE_NOT_FOUND = NOT_FOUND "instance_not_found" "No such instance";
    PAGE_NOT_FOUND = NOT_FOUND "not_found" "No such page";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED "method_not_allowed" "The path does not take this method";
    REQUEST_TIMEOUT = REQUEST_TIMEOUT "request_timeout" "The request took too long to arrive";
    CONFLICT = CONFLICT "conflict" "It clashes with what is there";
    PRECONDITION_FAILED = PRECONDITION_FAILED "precondition_failed" "It changed since it was read";
    PAYLOAD_TOO_LARGE = PAYLOAD_TOO_LARGE "payload_too_large" "The body is too long";
    URI_TOO_LONG = URI_TOO_LONG "uri_too_long" "The request target is too long";
    UNSUPPORTED_MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "The body is not JSON";
    EXPECTATION_FAILED = EXPECTATION_FAILED "expectation_failed" "The expectation cannot be met";
    MISDIRECTED_REQUEST = MISDIRECTED_REQUEST "misdirected_request" "The request is for another host";
    VALIDATION_FAILED = UNPROCESSABLE_ENTITY "validation_failed" "Some fields cannot be accepted";
    RATE_LIMITED = TOO_MANY_REQUESTS "rate_limited" "Too many requests";
    HEAD_TOO_LARGE = REQUEST_HEADER_FIELDS_TOO_LARGE "head_too_large" "The head of the request is too long";
    INTERNAL = INTERNAL_SERVER_ERROR "internal" "Something went wrong in Ostler";
    SPAWN_FAILED = INTERNAL_SERVER_ERROR "spawn_failed" "The server process cannot be started";
    NOT_IMPLEMENTED = NOT_IMPLEMENTED "not_implemented" "Nothing here knows how to do that";
    SERVER_UNAVAILABLE = SERVICE_UNAVAILABLE "server_unavailable" "The server is unavailable";
    BUSY = SERVICE_UNAVAILABLE "busy" "Too much to do right now";
    STORE_UNAVAILABLE = SERVICE_UNAVAILABLE "store_unavailable" "The database is unavailable";
    NOT_READY = SERVICE_UNAVAILABLE "not_ready" "Ostler is not ready";
    NO_HEALTHY_INSTANCE = SERVICE_UNAVAILABLE "no_healthy_instance" "No instance of the service takes requests";
    UPSTREAM_FAILED = BAD_GATEWAY "upstream_failed" "The service did not answer properly";
    LOOP_DETECTED = LOOP_DETECTED "loop_detected" "The request came round again";
    CALL_TIMEOUT = GATEWAY_TIMEOUT "call_timeout" "The tool did not answer in time";
    UPSTREAM_TIMEOUT = GATEWAY_TIMEOUT "upstream_timeout" "The service did not answer in time";
    VERSION_NOT_SUPPORTED = HTTP_VERSION_NOT_SUPPORTED "version_not_supported" "This version of HTTP is not spoken";
}

/// The kind of a fault in a request's head.
pub(crate) fn of_head(fault: HeadFault) -> ProblemKind {
    match fault {
        HeadFault::Malformed(_) => MALFORMED_REQUEST,
        HeadFault::TargetTooLong => URI_TOO_LONG,
        HeadFault::TooLarge => HEAD_TOO_LARGE,
        HeadFault::NotImplemented(_) => NOT_IMPLEMENTED,
        HeadFault::MethodNotAllowed => METHOD_NOT_ALLOWED,
        HeadFault::Version => VERSION_NOT_SUPPORTED,
        HeadFault::Expectation => EXPECTATION_FAILED,
    }
}

pub(crate) fn of_error(error: &Error) -> ProblemKind {
    match error {
        Error::Malformed(_) => MALFORMED_REQUEST,
        Error::Invalid(_) => VALIDATION_FAILED,
        Error::Unauthenticated(_) => UNAUTHENTICATED,
        Error::Forbidden(_) => FORBIDDEN,
        Error::CommandNotAllowed(_) => COMMAND_NOT_ALLOWED,
        Error::NotFound(noun) => not_found(*noun),
        Error::Conflict(_) => CONFLICT,
        Error::Stale(_) => PRECONDITION_FAILED,
        Error::RateLimited(_) => RATE_LIMITED,
        Error::SpawnFailed { .. } => SPAWN_FAILED,
        Error::ToolFailed(_) => TOOL_EXECUTION_FAILED,
        Error::ServerUnavailable(_) | Error::ServerBusy { .. } => SERVER_UNAVAILABLE,
        Error::Busy(_) => BUSY,
        Error::CallTimeout(_) => CALL_TIMEOUT,
        Error::StoreUnavailable(_) => STORE_UNAVAILABLE,
        Error::NotReady(_) => NOT_READY,
        Error::Internal(_) => INTERNAL,
    }
}

fn not_found(noun: Noun) -> ProblemKind {
    match noun {
        Noun::Server => SERVER_NOT_FOUND,
        Noun::Call => CALL_NOT_FOUND,
        Noun::User => USER_NOT_FOUND,
        Noun::Key => KEY_NOT_FOUND,
        Noun::Share => SHARE_NOT_FOUND,
        Noun::Service => SERVICE_NOT_FOUND,
        Noun::Instance => INSTANCE_NOT_FOUND,
        Noun::Page => PAGE_NOT_FOUND,
    }
}

/// The kind of a problem that the framework made by itself: the first of its status, or an internal error.
pub(crate) fn of_status(status: StatusCode) -> ProblemKind {
    let fallback = if status.is_client_error() { MALFORMED_REQUEST } else { INTERNAL };
    ALL.iter().copied().find(|kind| kind.status == status).unwrap_or(fallback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique() {
        let mut codes: Vec<_> = ALL.iter().map(|kind| kind.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ALL.len());
    }
}
