//! Standard output of commands.

use std::io::{self, Write};

use crate::cli::{failure::Failure, logging};

/// A text as one line, in which nothing forges another.
pub(crate) fn line(text: &str) -> String {
    format!("{}\n", logging::one_line(text))
}

/// The answers without which there is no server, after what it is; empty where it needs none.
pub(crate) fn needs(answers: &[String]) -> String {
    if answers.is_empty() { String::new() } else { format!(" (needs {})", answers.join(", ")) }
}

/// Prints what a command found.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(|error| Failure::of("write to standard output", &error))
}
