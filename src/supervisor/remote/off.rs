//! Remote servers of a build without the feature `remote`: none is reached.

mod authority;

use std::io;

use bytes::Bytes;

pub(super) use NoLineSender as LineSender;
pub use authority::{ADVICE, Authority};

/// The reason why no server is reached over HTTP.
pub const UNSUPPORTED: &str = "this program was built without the feature `remote` of the crate ostler";

/// There is no sender of lines to a remote server.
pub(super) enum NoLineSender {}

impl NoLineSender {
    pub(super) fn send(&self, _line: Bytes) -> io::Result<()> {
        match *self {}
    }
}
