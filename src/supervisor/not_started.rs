//! Reasons why a program could not be started, with what was looked for and where.

use std::{os::unix::fs::PermissionsExt, path::Path};

use rustix::io::Errno;

use crate::{
    policy::shortage::Shortage,
    supervisor::{exit::Exit, guard::Spec},
};

/// A program that could not be run.
pub(super) fn program(spec: &Spec, errno: Option<i32>, reason: &str) -> Exit {
    let (program, path) = (&spec.program, spec.env.get("PATH").map_or("", String::as_str));
    if let (Some(cwd), Err(why)) = (&spec.cwd, spec.try_cwd()) {
        let reason = format!("its working directory {} (`cwd`) cannot be entered: {why}", cwd.display());
        return Exit::NotStarted { errno, reason };
    }
    let is_missing = errno == Some(Errno::NOENT.raw_os_error());
    let said = if is_missing && !program.contains('/') {
        format!("{program:?} is not on PATH ({path})")
    } else if is_missing && spec.working_dir().join(program).exists() {
        format!("{program:?} names an interpreter in its first line that does not exist")
    } else if errno == Some(Errno::ACCESS.raw_os_error()) {
        format!("{program:?} {}", forbidden(&spec.working_dir().join(program), reason, spec.containment.is_some()))
    } else {
        format!("{program:?}: {reason}")
    };
    let remedy = if is_missing { spelling_remedy(program) } else { "" };
    Exit::NotStarted { errno, reason: format!("{said}{remedy}") }
}

/// The reason why a file may not be run.
fn forbidden(path: &Path, reason: &str, is_contained: bool) -> String {
    match path.metadata() {
        Ok(file) if file.is_dir() => "is a folder, not a program".to_owned(),
        Ok(file) if file.permissions().mode() & 0o111 == 0 => "is not executable: allow that by `chmod +x`".to_owned(),
        // Which of the two it is the owner knows: its first line may name an interpreter that is closed to its user.
        Ok(_) if is_contained => {
            format!("may not be run: {reason}; if its user may, allow its folder by `sandbox.paths.read`")
        }
        Ok(_) | Err(_) => format!("may not be run: {reason}"),
    }
}

/// The remedy for a program that is spelled as in a shell.
fn spelling_remedy(program: &str) -> &'static str {
    if program.contains(char::is_whitespace) {
        "; it has blanks: write the arguments apart, in `args`"
    } else if program.starts_with('~') || program.contains('$') {
        "; no shell reads it: write out what `~` and `$` stand for"
    } else if program.starts_with(['"', '\'']) {
        "; its quotes count as letters: leave them out"
    } else {
        ""
    }
}

/// Something of Ostler's own that failed before there was a program to run.
pub(super) fn own(error: &std::io::Error) -> Exit {
    // Of descriptors alone: the words for other shortages are about connections.
    let is_full = [Errno::MFILE, Errno::NFILE].iter().any(|kind| Some(kind.raw_os_error()) == error.raw_os_error());
    let shortage = Shortage::of(error).filter(|_| is_full);
    // Without its number: it says nothing of the program.
    Exit::NotStarted { errno: None, reason: shortage.map_or_else(|| error.to_string(), |short| short.to_string()) }
}
