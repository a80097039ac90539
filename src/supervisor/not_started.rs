//! Reasons why a program could not be started, with what was looked for and where.

use std::path::Path;

use rustix::io::Errno;

use crate::{
    policy::shortage::Shortage,
    supervisor::{exit::Exit, guard::Spec},
};

/// A program that could not be run.
pub(super) fn program(spec: &Spec, errno: Option<i32>, reason: &str) -> Exit {
    let (program, path) = (&spec.program, spec.env.get("PATH").map_or("", String::as_str));
    let is_missing = errno == Some(Errno::NOENT.raw_os_error());
    let said = if is_missing && !program.contains('/') {
        format!("{program:?} is not on PATH ({path})")
    } else if is_missing && spec.dir.join(Path::new(program)).exists() {
        format!("{program:?} names an interpreter in its first line that does not exist")
    } else {
        format!("{program:?}: {reason}")
    };
    let blanks = if is_missing && program.contains(char::is_whitespace) {
        "; it has blanks: write the arguments apart, in `args`"
    } else {
        ""
    };
    Exit::NotStarted { errno, reason: format!("{said}{blanks}") }
}

/// Something of Ostler's own that failed before there was a program to run.
pub(super) fn own(error: &std::io::Error) -> Exit {
    // Of descriptors alone: the words for other shortages are about connections.
    let is_full = [Errno::MFILE, Errno::NFILE].iter().any(|kind| Some(kind.raw_os_error()) == error.raw_os_error());
    let shortage = Shortage::of(error).filter(|_| is_full);
    // Without its number: it says nothing of the program.
    Exit::NotStarted { errno: None, reason: shortage.map_or_else(|| error.to_string(), |short| short.to_string()) }
}
