//! Files and folders in lines about a refusal.

use crate::{
    model::{Grant, Refusal, SandboxLevel},
    policy::refusal::{
        containment::ContainedProcess,
        grant::granted,
        lines::{has, newest, refusal},
        place::{self, Access},
    },
};

/// Signs of a file that was refused: of Node.js, Python, Rust, Go, git and shells.
const DENIED: [&str; 6] =
    ["EACCES", "ermission denied", "EROFS", "ead-only file system", "OpenSSL configuration error", "calling fopen("];

/// Signs of a file that is not there, as none is at the strict level but those that are granted.
const ABSENT: [&str; 3] = ["ENOENT", "FileNotFoundError", "No such file or directory"];

/// Signs of a file that cannot be moved or linked, as its folders are granted one by one.
const CROSS_DEVICE: [&str; 3] = ["EXDEV", "nvalid cross-device link", "[Errno 18]"];

/// Words before a path of which the folder is to be changed.
const CHANGES: [&str; 13] = [
    "mkdir",
    "rmdir",
    "unlink",
    "rename",
    "link",
    "copyfile",
    "mkdtemp",
    "create",
    "remove",
    "cannot touch",
    "listen",
    "EROFS",
    "ead-only file system",
];

/// A sign of git that names no file.
const GIT_CONFIGURATION: &str = "unknown error occurred while reading the configuration files";

/// An absolute path in a line, and the words before it.
pub(super) struct PathIn<'a> {
    pub path: &'a str,
    before: &'a str,
    after: &'a str,
}

/// The first absolute path of a line: in quotes, or by itself.
pub(super) fn first(line: &str) -> Option<PathIn<'_>> {
    let found = |start: usize, ends: &dyn Fn(char) -> bool| {
        let (before, rest) = line.split_at_checked(start)?;
        let (path, after) = rest.split_at_checked(rest.find(ends).unwrap_or(rest.len()))?;
        // "cat: /srv/a: Permission denied"
        Some(PathIn { path: path.trim_end_matches([':', ';', '.']), before, after })
    };
    let quoted = ['\'', '"', '`'].into_iter().filter_map(|quote| {
        let start = line.find(&format!("{quote}/"))?.checked_add(1)?;
        found(start, &|c| c == quote || c.is_control())
    });
    if let Some(first) = quoted.min_by_key(|found| found.before.len()) {
        return Some(first);
    }
    let starts = line.match_indices('/').map(|(at, _)| at);
    let begins = |at: &usize| {
        line.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t', '(', '=', '[']))
    };
    found(starts.into_iter().find(begins)?, &|c| c.is_whitespace() || c.is_control() || [',', ')', ']'].contains(&c))
}

/// A file or a folder that was refused.
pub(super) fn denied(lines: &[String], containment: ContainedProcess<'_>) -> Option<Refusal> {
    let is_strict = containment.sandbox.level == Some(SandboxLevel::Strict);
    let is_sign = |line: &&String| has(line, &DENIED) || is_strict && has(line, &ABSENT);
    let of_line = |line: &String| {
        let named = first(line)?;
        let changes = has(named.before, &CHANGES) || has(named.after, &["EROFS", "ead-only file system"]);
        place::refused(named.path, if changes { Access::MakeEntry } else { Access::Open }, containment)
    };
    let low_port = |line: &&String| line.contains("listen EACCES") && !line.contains('/');
    if let Some(found) = lines.iter().rev().filter(is_sign).find_map(of_line) {
        return Some(found);
    }
    if lines.iter().any(|line| low_port(&line)) {
        return Some(refusal("a server may not listen at a port below 1024: choose a higher one", None));
    }
    newest(lines, &[GIT_CONFIGURATION])?;
    Some(refusal("git may read no configuration but the server's own, `.gitconfig` in its HOME", None))
}

/// A file that was to be moved between two folders.
pub(super) fn moved(lines: &[String], containment: ContainedProcess<'_>) -> Option<Refusal> {
    let line = newest(lines, &CROSS_DEVICE)?;
    let [from, to] = [first(line)?, first(line.split_once("->")?.1)?].map(|place| place.path);
    let shared = from.split('/').zip(to.split('/')).take_while(|(a, b)| a == b).map(|(part, _)| part);
    let folder = shared.collect::<Vec<_>>().join("/");
    let grant = place::is_grantable(&folder).then_some(Grant::Write { path: folder });
    let is_new = |grant: &Grant| granted(containment.sandbox, grant).is_some();
    let reason = format!(
        "it moves {} to another folder, which its sandbox refuses between folders that are granted one by one: grant \
         one that holds both with `sandbox.paths.write`",
        place::shown(from)
    );
    Some(refusal(reason, grant.filter(is_new)))
}
