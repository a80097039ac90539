//! Standard output of commands.

use std::io::{self, Write};

use crate::cli::{failure::Failure, logging};

/// A text as one line, in which nothing forges another.
pub(crate) fn line(text: &str) -> String {
    format!("{}\n", logging::one_line(text))
}

/// Prints what a command found.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(|error| Failure::of("write to standard output", &error))
}
