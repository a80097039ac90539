//! Whether a request that got no answer may be sent once more, and where.

use actix_web::http::Method;

use crate::gateway::Failure;

/// How an attempt ended that brought no answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// Why.
    pub(super) failure: Failure,
    /// Whether a byte of an answer came.
    pub(super) answer_begun: bool,
    /// Whether a byte of the request left.
    pub(super) request_begun: bool,
    /// Whether the body can be sent from its beginning still.
    pub(super) body_is_fresh: bool,
    /// Whether the connection had served another request before.
    pub(super) reused: bool,
}

impl Attempt {
    /// One that found nobody.
    pub(super) fn unconnected(body_is_fresh: bool) -> Self {
        Self { failure: Failure::Connect, answer_begun: false, request_begun: false, body_is_fresh, reused: false }
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Send it to the same instance on a new connection: the old one had been closed meanwhile, which is no fault.
    Here,
    /// Send it to another instance, where the service's retries and its budget allow.
    Elsewhere,
    /// Tell the client.
    No,
}

/// What to do after `attempt` at a request of `method`.
pub(super) fn again(method: &Method, attempt: &Attempt) -> Again {
    let repeatable = !attempt.request_begun || (is_idempotent(method) && attempt.body_is_fresh);
    match attempt.failure {
        Failure::Connect => Again::Elsewhere,
        Failure::Reset if attempt.answer_begun || !repeatable => Again::No,
        Failure::Reset if attempt.reused => Again::Here,
        Failure::Reset => Again::Elsewhere,
        Failure::Timeout | Failure::Protocol => Again::No,
    }
}

/// RFC 9110, section 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUT: Attempt = Attempt {
        failure: Failure::Reset,
        answer_begun: false,
        request_begun: true,
        body_is_fresh: true,
        reused: false,
    };

    #[test]
    fn what_may_have_been_done_is_not_done_twice() {
        assert_eq!(again(&Method::POST, &CUT), Again::No);
        assert_eq!(again(&Method::POST, &Attempt { reused: true, ..CUT }), Again::No);
        assert_eq!(again(&Method::PATCH, &CUT), Again::No);
        assert_eq!(again(&Method::PUT, &Attempt { body_is_fresh: false, ..CUT }), Again::No);
        assert_eq!(again(&Method::GET, &Attempt { answer_begun: true, ..CUT }), Again::No);
        assert_eq!(again(&Method::GET, &Attempt { failure: Failure::Timeout, ..CUT }), Again::No);
        assert_eq!(again(&Method::GET, &Attempt { failure: Failure::Protocol, ..CUT }), Again::No);
    }

    #[test]
    fn what_cannot_have_been_done_is_sent_again() {
        let unsent = Attempt { request_begun: false, body_is_fresh: false, ..CUT };
        assert_eq!(again(&Method::POST, &unsent), Again::Elsewhere);
        assert_eq!(again(&Method::POST, &Attempt { reused: true, ..unsent }), Again::Here);
        assert_eq!(again(&Method::POST, &Attempt { failure: Failure::Connect, ..CUT }), Again::Elsewhere);
    }

    #[test]
    fn what_may_be_done_twice_is_sent_again() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE] {
            assert_eq!(again(&method, &CUT), Again::Elsewhere);
            assert_eq!(again(&method, &Attempt { reused: true, ..CUT }), Again::Here);
        }
    }
}
