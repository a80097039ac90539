//! Refusals of a sandbox, by what a server wrote: each names the one setting that allows it.
//!
//! A server may write whatever it likes, so a grant is only ever proposed: never one of a folder with keys, nor of one
//! that holds everything.

mod containment;
mod grant;
mod lines;
mod network;
mod path;
mod place;

use crate::model::{Grant, Refusal, SandboxLevel};

pub use containment::ContainedProcess;
pub use grant::granted;

use lines::{has, newest, refusal};

/// A rule: the refusal that lines tell of.
type Rule = fn(&[String], ContainedProcess<'_>) -> Option<Refusal>;

/// From the particular to the general.
const RULES: [Rule; 7] = [docker, nested, unix_sockets, network::refused, npm_cache, path::moved, path::denied];

/// Signs that a server reaches for a container engine.
const DOCKER: [&str; 4] = ["docker.sock", "podman.sock", "Docker daemon", "containerd.sock"];

/// Signs of a sandbox that cannot be made within another.
const NESTED: [&str; 6] = [
    "No usable sandbox!",
    "Failed to move to new namespace",
    "bwrap: No permissions to create new namespace",
    "bwrap: Creating new namespace failed",
    "unshare failed: Operation not permitted",
    "unshare: unshare failed",
];

/// Signs of a browser that may open no UNIX socket.
const SINGLETON: &str = "process_singleton";

/// Signs of a system call that was refused, as one for a UNIX socket is; a file is refused in other words.
const NOT_PERMITTED: [&str; 3] = ["EPERM", "peration not permitted", "[Errno 1]"];

/// The refusal that the last lines of a server tell of; `None` where none does, or where it has no sandbox.
#[must_use]
pub fn of(lines: &[String], containment: ContainedProcess<'_>) -> Option<Refusal> {
    if containment.sandbox.level == Some(SandboxLevel::None) {
        return None;
    }
    RULES.iter().find_map(|rule| rule(lines, containment))
}

/// A container engine: to reach it is to be root.
fn docker(lines: &[String], _: ContainedProcess<'_>) -> Option<Refusal> {
    let line = newest(lines, &DOCKER)?;
    let fails = has(line, &NOT_PERMITTED) || has(line, &["ermission denied", "EACCES", "annot connect"]);
    let reason = "it needs the container engine, and what reaches that has all rights on this machine: it can only run \
                  without a sandbox (`sandbox.level`: `none`)";
    fails.then(|| refusal(reason, Some(Grant::NoSandbox)))
}

fn nested(lines: &[String], _: ContainedProcess<'_>) -> Option<Refusal> {
    newest(lines, &NESTED)?;
    Some(refusal("it makes a sandbox of its own, which its sandbox forbids: start a browser with `--no-sandbox`", None))
}

fn unix_sockets(lines: &[String], ContainedProcess { sandbox, .. }: ContainedProcess<'_>) -> Option<Refusal> {
    let is_about_one = |line: &str| {
        let of_browser = line.contains(SINGLETON) && line.contains("socket()");
        let of_path = has(line, &["listen ", "connect ", "dial unix", "AF_UNIX"]) && path::first(line).is_some();
        of_browser || line.contains(".sock") || of_path
    };
    let is_refused = |line: &&String| has(line, &NOT_PERMITTED) && is_about_one(line);
    lines.iter().rev().find(is_refused).filter(|_| !sandbox.unix_sockets)?;
    let reason = "its sandbox has no UNIX sockets: allow them with `sandbox.unixSockets`";
    Some(refusal(reason, Some(Grant::UnixSockets)))
}

/// npm takes a cache that it may not write to for one of root's, and names it in the command that it recommends.
fn npm_cache(lines: &[String], containment: ContainedProcess<'_>) -> Option<Refusal> {
    newest(lines, &["Your cache folder contains root-owned files"])?;
    let place = newest(lines, &["chown -R"]).and_then(path::first)?;
    place::refused(place.path, place::Access::Change, containment)
}

#[cfg(test)]
mod tests;
