//! HTTP/1.1 without I/O: heads and bodies, read strictly (RFC 9112), and written.
//!
//! Whatever two readers could take for two different things is refused here, in every request and every answer that
//! passes.

mod decode;
mod encode;
mod fault;
mod fields;
mod request;
mod response;
mod target;
mod write;

pub(crate) use decode::{BodyDecoder, BodyFault, Piece};
pub(crate) use encode::{BodyEncoder, Misfit};
pub(crate) use fault::HeadFault;
pub(crate) use fields::Fields;
pub(crate) use request::RequestHead;
pub(crate) use response::ResponseHead;
pub(crate) use target::{Target, octet};
pub(crate) use write::{length_line, line, status_line};

/// The versions spoken here; every other is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// Framing of a body: where it ends (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    None,
    /// After so many bytes.
    Length(u64),
    /// With a chunk of length zero.
    Chunked,
    /// With the connection; answers only.
    UntilClose,
}

/// Limits of the sizes of a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// Bytes, from the first to the end of the empty line.
    pub head: usize,
    /// Bytes of the request target.
    pub target: usize,
}

impl HeadLimits {
    /// For requests of clients.
    pub(crate) const CLIENT: Self = Self { head: 32 << 10, target: 8 << 10 };
    /// For answers of upstreams.
    pub(crate) const UPSTREAM: Self = Self { head: 64 << 10, target: 8 << 10 };
}

/// The fields a head may have.
pub(crate) const FIELDS_MAX: usize = 256;
