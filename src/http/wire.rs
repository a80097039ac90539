//! HTTP/1.1 without I/O: heads and bodies, read strictly (RFC 9112), and written.
//!
//! What two readers could take for two different things is refused here, for every request and every answer that passes.

mod decode;
mod encode;
mod fault;
mod fields;
mod request;
mod response;
mod target;
mod write;

pub(in crate::http) use decode::{BodyDecoder, BodyFault, Piece};
pub(in crate::http) use encode::{BodyEncoder, Misfit};
pub(in crate::http) use fault::HeadFault;
pub(in crate::http) use fields::Fields;
pub(in crate::http) use request::RequestHead;
pub(in crate::http) use response::ResponseHead;
pub(in crate::http) use target::Target;
pub(in crate::http) use write::{length_line, line, status_line};

/// The versions spoken here; every other is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::http) enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// Where a body ends (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Framing {
    /// There is no body.
    None,
    /// After so many bytes.
    Length(u64),
    /// With a chunk of length zero.
    Chunked,
    /// With the connection; answers only.
    UntilClose,
}

/// How much of a head is taken.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct HeadLimits {
    /// Bytes, from the first to the end of the empty line.
    pub(in crate::http) head: usize,
    /// Bytes of the request target.
    pub(in crate::http) target: usize,
}

impl HeadLimits {
    /// For requests of clients.
    pub(in crate::http) const CLIENT: Self = Self { head: 32 << 10, target: 8 << 10 };
    /// For answers of upstreams.
    pub(in crate::http) const UPSTREAM: Self = Self { head: 64 << 10, target: 8 << 10 };
}

/// The fields a head may have.
pub(in crate::http) const MOST_FIELDS: usize = 256;
