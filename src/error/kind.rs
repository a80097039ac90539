//! The only table of status codes: the kind of problem that an error is, whichever way it is answered.

use crate::error::{Error, Noun};

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProblemKind {
    /// The HTTP status (RFC 9110).
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// The title.
    pub title: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:literal $code:literal $title:literal;)+) => {
        $(pub(crate) const $name: ProblemKind = ProblemKind { status: $status, code: $code, title: $title };)+
        /// Every kind of problem there is.
        pub(crate) const ALL: &[ProblemKind] = &[$($name),+];
    };
}

kinds! {
    MALFORMED_REQUEST = 400 "malformed_request" "The request cannot be read";
    TOOL_EXECUTION_FAILED = 400 "tool_execution_failed" "The tool reported a failure";
    UNAUTHENTICATED = 401 "unauthenticated" "Authentication is needed";
    FORBIDDEN = 403 "forbidden" "Not allowed";
    COMMAND_NOT_ALLOWED = 403 "command_not_allowed" "This command line is not allowed";
    TOOL_QUARANTINED = 403 "tool_quarantined" "The tool waits to be accepted";
    SERVER_NOT_FOUND = 404 "server_not_found" "No such server";
    USER_NOT_FOUND = 404 "user_not_found" "No such user";
    CALL_NOT_FOUND = 404 "call_not_found" "No such call";
    KEY_NOT_FOUND = 404 "key_not_found" "No such key";
    SECRET_NOT_FOUND = 404 "secret_not_found" "No such secret";
    CATALOGUE_ENTRY_NOT_FOUND = 404 "catalogue_entry_not_found" "No such entry of the catalogue";
    TEMPLATE_NOT_FOUND = 404 "template_not_found" "No such template";
    SHARE_NOT_FOUND = 404 "share_not_found" "No such share";
    SERVICE_NOT_FOUND = 404 "service_not_found" "No such service";
    INSTANCE_NOT_FOUND = 404 "instance_not_found" "No such instance";
    PAGE_NOT_FOUND = 404 "not_found" "No such page";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "The path does not take this method";
    REQUEST_TIMEOUT = 408 "request_timeout" "The request took too long to arrive";
    CONFLICT = 409 "conflict" "It clashes with what is there";
    PRECONDITION_FAILED = 412 "precondition_failed" "It changed since it was read";
    PAYLOAD_TOO_LARGE = 413 "payload_too_large" "The body is too long";
    URI_TOO_LONG = 414 "uri_too_long" "The request target is too long";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "The body is not JSON";
    EXPECTATION_FAILED = 417 "expectation_failed" "The expectation cannot be met";
    MISDIRECTED_REQUEST = 421 "misdirected_request" "The request is for another host";
    VALIDATION_FAILED = 422 "validation_failed" "Some fields cannot be accepted";
    RATE_LIMITED = 429 "rate_limited" "Too many requests";
    HEAD_TOO_LARGE = 431 "head_too_large" "The head of the request is too long";
    INTERNAL = 500 "internal" "Something went wrong in Ostler";
    SPAWN_FAILED = 500 "spawn_failed" "The server process cannot be started";
    NOT_IMPLEMENTED = 501 "not_implemented" "Nothing here knows how to do that";
    SERVER_UNAVAILABLE = 503 "server_unavailable" "The server is unavailable";
    BUSY = 503 "busy" "Too much to do right now";
    STORE_UNAVAILABLE = 503 "store_unavailable" "The database is unavailable";
    NOT_READY = 503 "not_ready" "Ostler is not ready";
    NO_HEALTHY_INSTANCE = 503 "no_healthy_instance" "No instance of the service takes requests";
    UPSTREAM_FAILED = 502 "upstream_failed" "The service did not answer properly";
    LOOP_DETECTED = 508 "loop_detected" "The request came round again";
    CALL_TIMEOUT = 504 "call_timeout" "The tool did not answer in time";
    UPSTREAM_TIMEOUT = 504 "upstream_timeout" "The service did not answer in time";
    VERSION_NOT_SUPPORTED = 505 "version_not_supported" "This version of HTTP is not spoken";
}

impl Error {
    /// The HTTP status that says it (RFC 9110), for programs of any web framework.
    #[must_use]
    pub fn status(&self) -> u16 {
        of_error(self).status
    }
}

pub(crate) fn of_error(error: &Error) -> ProblemKind {
    match error {
        Error::Malformed(_) => MALFORMED_REQUEST,
        Error::Invalid(_) => VALIDATION_FAILED,
        Error::Unauthenticated(_) => UNAUTHENTICATED,
        Error::Forbidden(_) => FORBIDDEN,
        Error::CommandNotAllowed(_) => COMMAND_NOT_ALLOWED,
        Error::ToolQuarantined(_) => TOOL_QUARANTINED,
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
        Noun::Secret => SECRET_NOT_FOUND,
        Noun::CatalogueEntry => CATALOGUE_ENTRY_NOT_FOUND,
        Noun::Template => TEMPLATE_NOT_FOUND,
        Noun::Share => SHARE_NOT_FOUND,
        Noun::Service => SERVICE_NOT_FOUND,
        Noun::Instance => INSTANCE_NOT_FOUND,
        Noun::Page => PAGE_NOT_FOUND,
    }
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
