//! Kinds of the problems that only HTTP knows.

use actix_web::http::StatusCode;

use crate::{
    error::kind::{self, ProblemKind},
    http1::HeadFault,
};

impl ProblemKind {
    /// Its status as a type of the framework's.
    pub(crate) fn status_code(self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The kind of a fault in a request's head.
pub(crate) fn head(fault: HeadFault) -> ProblemKind {
    match fault {
        HeadFault::Malformed(_) => kind::MALFORMED_REQUEST,
        HeadFault::TargetTooLong => kind::URI_TOO_LONG,
        HeadFault::TooLarge => kind::HEAD_TOO_LARGE,
        HeadFault::NotImplemented(_) => kind::NOT_IMPLEMENTED,
        HeadFault::MethodNotAllowed => kind::METHOD_NOT_ALLOWED,
        HeadFault::Version => kind::VERSION_NOT_SUPPORTED,
        HeadFault::Expectation => kind::EXPECTATION_FAILED,
    }
}

/// The kind of a problem that the framework made by itself: the first of its status, or an internal error.
pub(crate) fn status(status: StatusCode) -> ProblemKind {
    let fallback = if status.is_client_error() { kind::MALFORMED_REQUEST } else { kind::INTERNAL };
    kind::ALL.iter().copied().find(|kind| kind.status == status.as_u16()).unwrap_or(fallback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_the_table_is_one() {
        assert!(kind::ALL.iter().all(|kind| kind.status_code().as_u16() == kind.status));
    }
}
