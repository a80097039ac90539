//! [`Problem`]: every answer that is not a success, as RFC 9457 problem+json.

mod body;
mod kind_of;
mod occurrence;

use std::{fmt, time::Duration};

use crate::{
    error::{
        Error, Noun, RateLimited,
        kind::{self, ProblemKind},
    },
    gateway::NoInstance,
    http1::HeadFault,
    web::methods::ALLOWED_METHODS,
};
use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};

pub(crate) use body::ProblemBody;
pub(crate) use occurrence::Occurrence;

/// The media type of every problem (RFC 9457).
pub(crate) const CONTENT_TYPE: &str = "application/problem+json";

/// Why a request was not served: an error of the runtime's, or one that only HTTP knows.
#[derive(Clone, Debug)]
pub(crate) enum Problem {
    /// The runtime's, or shaped like one of its own.
    Runtime(Error),
    /// The path exists, the method does not; holds what does, for `Allow`.
    MethodNotAllowed(String),
    /// The body is longer than its limit in bytes.
    PayloadTooLarge(usize),
    /// The body is not JSON, or is compressed.
    UnsupportedMediaType,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The `Host` is not allowed.
    MisdirectedRequest,
    /// The path belongs to a part of Ostler that is off here.
    SwitchedOff(&'static str),
    /// Ostler takes no work now; each reason names the check that failed.
    NotReady(Vec<String>),
    /// No instance of a service takes the request.
    NoInstance(NoInstance),
    /// An instance of a service gave no proper answer; says how, and whether to try again.
    UpstreamFailed(&'static str),
    /// An instance of a service was given so long, and it was too short.
    UpstreamTimeout(Duration),
    /// The request has been here before.
    LoopDetected,
    /// The head of the request is refused.
    Head(HeadFault),
    /// A problem of the framework's, of which only the status is shown.
    Framework(StatusCode),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Runtime(error)
    }
}

impl Problem {
    /// A request that cannot be read.
    pub(crate) fn malformed(text: impl Into<String>) -> Self {
        Self::Runtime(Error::Malformed(text.into()))
    }

    /// A request from a caller, or a page, that may not send it.
    pub(crate) fn forbidden(text: impl Into<String>) -> Self {
        Self::Runtime(Error::Forbidden(text.into()))
    }

    /// There is no such page.
    pub(crate) fn no_page() -> Self {
        Self::Runtime(Error::NotFound(Noun::Page))
    }

    /// Status, stable code and title.
    pub(crate) fn kind(&self) -> ProblemKind {
        match self {
            Self::Runtime(error) => kind::of_error(error),
            Self::MethodNotAllowed(_) => kind::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge(_) => kind::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => kind::UNSUPPORTED_MEDIA_TYPE,
            Self::RequestTimeout => kind::REQUEST_TIMEOUT,
            Self::MisdirectedRequest => kind::MISDIRECTED_REQUEST,
            Self::SwitchedOff(_) => kind::PAGE_NOT_FOUND,
            Self::NotReady(_) => kind::NOT_READY,
            Self::NoInstance(_) => kind::NO_HEALTHY_INSTANCE,
            Self::UpstreamFailed(_) => kind::UPSTREAM_FAILED,
            Self::UpstreamTimeout(_) => kind::UPSTREAM_TIMEOUT,
            Self::LoopDetected => kind::LOOP_DETECTED,
            Self::Head(fault) => kind_of::head(*fault),
            Self::Framework(status) => kind_of::status(*status),
        }
    }

    /// Seconds until a retry may help.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        if let Self::Runtime(Error::RateLimited(limit)) = self {
            return Some(whole_seconds(limit.retry_after));
        }
        if let Self::Runtime(Error::ServerBusy { retry_after, .. }) = self {
            return Some(whole_seconds(*retry_after));
        }
        if let Self::NoInstance(none) = self {
            return Some(whole_seconds(none.retry_after));
        }
        (self.status_code() == StatusCode::SERVICE_UNAVAILABLE).then_some(1)
    }

    /// The whole answer.
    pub(crate) fn respond(&self, occurrence: Occurrence<'_>) -> HttpResponse {
        if let Self::Runtime(Error::Internal(cause)) = self {
            log::error!(request_id = occurrence.request_id, cause; "a request failed for an internal reason");
        }
        let mut response = HttpResponse::build(self.status_code());
        self.add_headers(&mut response);
        match serde_json::to_vec(&self.body(occurrence)) {
            Ok(body) => response.content_type(CONTENT_TYPE).body(body),
            Err(_) => response.finish(),
        }
    }

    fn add_headers(&self, response: &mut HttpResponseBuilder) {
        if let Self::MethodNotAllowed(allow) = self {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        if let Self::Head(HeadFault::MethodNotAllowed) = self {
            response.insert_header((header::ALLOW, ALLOWED_METHODS));
        }
        if let Self::Runtime(Error::RateLimited(limit)) = self {
            add_limit(response, limit);
        }
        if let Self::RequestTimeout = self {
            response.insert_header((header::CONNECTION, "close"));
        }
        if let Some(seconds) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(error) => error.fmt(f),
            Self::MethodNotAllowed(allow) => write!(f, "this path takes {allow} only"),
            Self::PayloadTooLarge(limit) => write!(f, "the body is longer than {limit} bytes"),
            Self::UnsupportedMediaType => f.write_str("send the body uncompressed, with content-type application/json"),
            Self::RequestTimeout => f.write_str("the body did not arrive in time"),
            Self::MisdirectedRequest => {
                f.write_str(
                "the host header names no host of this server; see OSTLER_ALLOWED_HOSTS (in a program that embeds Ostler: \
                 HttpSettings::allowed_hosts)",
            )
            }
            Self::SwitchedOff(part) => {
                write!(
                    f,
                    "this ostler does not serve {part}: that part is switched off with OSTLER_SERVE (in a program that \
                     embeds Ostler: Settings::serve)"
                )
            }
            Self::NotReady(reasons) => f.write_str(&reasons.join("; ")),
            Self::NoInstance(none) => {
                let why =
                    if none.full { "every instance has as much to do as it takes" } else { "no instance is healthy" };
                write!(f, "{why}; nothing was sent, so try again in {} s", whole_seconds(none.retry_after))
            }
            Self::UpstreamFailed(how) => f.write_str(how),
            Self::UpstreamTimeout(limit) => {
                let millis = limit.as_millis();
                write!(
                    f,
                    "no answer within {millis} ms; the request may have been carried out, so repeat it only if that does no harm"
                )
            }
            Self::LoopDetected => {
                f.write_str("the service leads back to this server; trying again does not help, mend its instances")
            }
            Self::Head(fault) => fault.fmt(f),
            Self::Framework(status) => f.write_str(status.canonical_reason().unwrap_or("the request was not served")),
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind().status_code()
    }

    /// The answer where `web::trace`, which knows the request, is not in front.
    fn error_response(&self) -> HttpResponse {
        self.respond(Occurrence::default())
    }
}

/// Errors that handlers of a program that embeds Ostler pass on by `?`, answered as Ostler's own routes do; but without
/// a link to their page of problems, whose place such a handler does not know.
impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        kind::of_error(self).status_code()
    }

    fn error_response(&self) -> HttpResponse {
        Problem::from(self.clone()).error_response()
    }
}

fn add_limit<'a>(response: &'a mut HttpResponseBuilder, limit: &RateLimited) -> &'a mut HttpResponseBuilder {
    let wait = whole_seconds(limit.retry_after);
    let window = whole_seconds(limit.window);
    response
        .insert_header(("RateLimit", format!("\"{}\";r=0;t={wait}", limit.policy)))
        .insert_header(("RateLimit-Policy", format!("\"{}\";q={};w={window}", limit.policy, limit.quota)))
}

/// Rounded up, so that a client does not return too early.
fn whole_seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::value::RawValue;

    use super::*;

    fn shown(problem: impl Into<Problem>) -> serde_json::Value {
        serde_json::to_value(problem.into().body(Occurrence::at_root("/api/mcp/1", "r-1"))).unwrap()
    }

    #[test]
    fn a_problem_names_its_code_and_request() {
        let body = shown(Error::NotFound(Noun::Server));
        assert_eq!(
            body,
            serde_json::json!({
                "type": "/docs#problem-server_not_found", "title": "No such server", "status": 404,
                "detail": "no such server", "instance": "/api/mcp/1", "code": "server_not_found", "requestId": "r-1",
            })
        );
    }

    #[test]
    fn a_validation_problem_points_at_each_field() {
        let body = shown(Error::invalid("/name", "say what to call it"));
        assert_eq!(body["status"], 422);
        assert_eq!(body["errors"], serde_json::json!([{"pointer": "/name", "message": "say what to call it"}]));
    }

    #[test]
    fn a_tool_failure_carries_the_tools_own_answer_unchanged() {
        let answer: Box<RawValue> = serde_json::from_str(r#"{"b":1,"a":12345678901234567890123}"#).unwrap();
        let failure = crate::error::ToolFailure {
            message: "no such file".into(),
            answer: Arc::from(answer),
            call_id: "a call".into(),
            execution_time: 7,
        };
        let problem = Problem::from(Error::ToolFailed(Box::new(failure)));
        let text = serde_json::to_string(&problem.body(Occurrence::default())).unwrap();
        assert!(text.contains(r#""toolError":{"b":1,"a":12345678901234567890123}"#), "{text}");
        assert!(text.contains(r#""executionTime":7"#), "{text}");
    }

    #[test]
    fn an_internal_error_keeps_its_cause_to_itself() {
        let text = shown(Error::Internal("table users has no column x".into())).to_string();
        assert!(!text.contains("users"), "{text}");
    }

    #[test]
    fn a_rate_limit_says_when_to_come_back() {
        let limit = RateLimited {
            policy: "tool-execute",
            setting: None,
            quota: 20,
            window: Duration::from_secs(60),
            retry_after: Duration::from_millis(17_200),
        };
        let response = Problem::from(Error::RateLimited(limit)).respond(Occurrence::at_root("/", "r"));
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(response.status(), 429);
        assert_eq!(header("retry-after"), "18");
        assert_eq!(header("ratelimit"), "\"tool-execute\";r=0;t=18");
        assert_eq!(header("ratelimit-policy"), "\"tool-execute\";q=20;w=60");
    }

    #[test]
    fn an_unknown_caller_is_told_how_to_authenticate_and_a_busy_one_when_to_retry() {
        let unknown = Problem::from(Error::Unauthenticated("no token")).respond(Occurrence::at_root("/", "r"));
        assert_eq!(unknown.headers().get("www-authenticate").unwrap(), "Bearer");
        let busy = Problem::from(Error::Busy("too many calls")).respond(Occurrence::at_root("/", "r"));
        assert_eq!((busy.status().as_u16(), busy.headers().contains_key("retry-after")), (503, true));
    }

    #[test]
    fn a_problem_of_another_programs_handler_links_to_no_page() {
        let problem = Problem::from(Error::NotFound(Noun::Server));
        let body = serde_json::to_value(problem.body(Occurrence::default())).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "about:blank", "title": "Not Found", "status": 404, "detail": "no such server",
                "code": "server_not_found",
            })
        );
    }
}
