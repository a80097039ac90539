//! Retries: the decision whether an unanswered request may be sent again, and to which instance.
//!
//! A reused connection that was closed costs one try on a new one at the same instance, and no budget; another instance
//! costs one of the service's `retries` and one of its budget.

use actix_web::http::Method;

use crate::{
    gateway::FailureKind,
    http1::{Framing, RequestHead},
};

/// An attempt that brought no answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailedAttempt {
    /// The reason.
    pub(super) failure: FailureKind,
    /// True once a byte of an answer came.
    pub(super) answer_begun: bool,
    /// True once a byte of the request left.
    pub(super) request_begun: bool,
    /// True while the body can be sent from its beginning.
    pub(super) body_is_fresh: bool,
    /// True where the connection had served another request before.
    pub(super) reused: bool,
}

impl FailedAttempt {
    /// An attempt that could not connect.
    pub(super) fn unconnected(failure: FailureKind, body_is_fresh: bool) -> Self {
        Self { failure, answer_begun: false, request_begun: false, body_is_fresh, reused: false }
    }
}

/// The decision after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryDecision {
    /// Send it to the same instance on a new connection: the old one had been closed meanwhile, which is no fault.
    SameInstance,
    /// Send it to another instance, where the service's retries and its budget allow.
    OtherInstance,
    /// Tell the client.
    GiveUp,
}

/// Decides after `attempt` at a request of `method`.
pub(super) fn decide(method: &Method, attempt: &FailedAttempt) -> RetryDecision {
    let repeatable = !attempt.request_begun || (is_idempotent(method) && attempt.body_is_fresh);
    match attempt.failure {
        FailureKind::Connect | FailureKind::Shortage(_) => RetryDecision::OtherInstance,
        FailureKind::Reset if attempt.answer_begun || !repeatable => RetryDecision::GiveUp,
        FailureKind::Reset if attempt.reused => RetryDecision::SameInstance,
        FailureKind::Reset => RetryDecision::OtherInstance,
        // An answer to an earlier request went on after its end, as when an instance sends a body to HEAD.
        FailureKind::Protocol if attempt.reused && repeatable => RetryDecision::SameInstance,
        FailureKind::Timeout | FailureKind::Protocol => RetryDecision::GiveUp,
    }
}

/// True for a request that could be sent again once it has left, whatever becomes of it.
pub(super) fn is_repeatable(head: &RequestHead) -> bool {
    is_idempotent(&head.method) && head.framing == Framing::None
}

/// RFC 9110, section 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUT: FailedAttempt = FailedAttempt {
        failure: FailureKind::Reset,
        answer_begun: false,
        request_begun: true,
        body_is_fresh: true,
        reused: false,
    };

    #[test]
    fn what_may_have_been_done_is_not_done_twice() {
        assert_eq!(decide(&Method::POST, &CUT), RetryDecision::GiveUp);
        assert_eq!(decide(&Method::POST, &FailedAttempt { reused: true, ..CUT }), RetryDecision::GiveUp);
        assert_eq!(decide(&Method::PATCH, &CUT), RetryDecision::GiveUp);
        assert_eq!(decide(&Method::PUT, &FailedAttempt { body_is_fresh: false, ..CUT }), RetryDecision::GiveUp);
        assert_eq!(decide(&Method::GET, &FailedAttempt { answer_begun: true, ..CUT }), RetryDecision::GiveUp);
        assert_eq!(
            decide(&Method::GET, &FailedAttempt { failure: FailureKind::Timeout, ..CUT }),
            RetryDecision::GiveUp
        );
        assert_eq!(
            decide(&Method::GET, &FailedAttempt { failure: FailureKind::Protocol, ..CUT }),
            RetryDecision::GiveUp
        );
    }

    #[test]
    fn what_is_no_answer_on_a_used_connection_was_left_there_by_an_earlier_one() {
        let garbage = FailedAttempt { failure: FailureKind::Protocol, answer_begun: true, reused: true, ..CUT };
        assert_eq!(decide(&Method::GET, &garbage), RetryDecision::SameInstance);
        assert_eq!(decide(&Method::POST, &garbage), RetryDecision::GiveUp);
        let new = FailedAttempt { reused: false, ..garbage };
        assert_eq!(decide(&Method::GET, &new), RetryDecision::GiveUp);
    }

    #[test]
    fn what_cannot_have_been_done_is_sent_again() {
        let unsent = FailedAttempt { request_begun: false, body_is_fresh: false, ..CUT };
        assert_eq!(decide(&Method::POST, &unsent), RetryDecision::OtherInstance);
        assert_eq!(decide(&Method::POST, &FailedAttempt { reused: true, ..unsent }), RetryDecision::SameInstance);
        assert_eq!(
            decide(&Method::POST, &FailedAttempt { failure: FailureKind::Connect, ..CUT }),
            RetryDecision::OtherInstance
        );
    }

    #[test]
    fn what_may_be_done_twice_is_sent_again() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE] {
            assert_eq!(decide(&method, &CUT), RetryDecision::OtherInstance);
            assert_eq!(decide(&method, &FailedAttempt { reused: true, ..CUT }), RetryDecision::SameInstance);
        }
    }
}
