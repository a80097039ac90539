//! Words for people, beside the log.

use std::io::{self, Write};

/// Writes to standard error; there is nowhere to report a failure of that.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
