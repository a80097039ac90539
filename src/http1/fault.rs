//! [`HeadFault`]: the reason for which a head is refused.

/// The reason for which a head is refused. Whatever follows it on the connection is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadFault {
    /// It breaks a rule of the protocol: 400.
    #[error("{0}")]
    Malformed(&'static str),
    /// 414.
    #[error("the request target is longer than 8 KiB")]
    TargetTooLong,
    /// 431.
    #[error("the head of the request is too long or has more than 256 fields")]
    TooLarge,
    /// A method or transfer coding that is not supported: 501.
    #[error("{0}")]
    NotImplemented(&'static str),
    /// TRACE and CONNECT: 405.
    #[error("this server takes neither TRACE nor CONNECT")]
    MethodNotAllowed,
    /// Neither HTTP/1.1 nor HTTP/1.0: 505.
    #[error("speak HTTP/1.1")]
    Version,
    /// An `Expect` that is not `100-continue`: 417.
    #[error("expect takes 100-continue only")]
    Expectation,
}

impl From<httparse::Error> for HeadFault {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::HeaderName => Self::Malformed("a field name is malformed"),
            httparse::Error::HeaderValue => Self::Malformed("a field value is malformed"),
            httparse::Error::NewLine => Self::Malformed("a line of the head does not end with CR LF"),
            httparse::Error::Status => Self::Malformed("the status is malformed"),
            httparse::Error::Token => Self::Malformed("the first line is malformed"),
            httparse::Error::TooManyHeaders => Self::TooLarge,
            httparse::Error::Version => Self::Version,
        }
    }
}
