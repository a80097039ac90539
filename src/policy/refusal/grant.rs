//! Grants, added to a sandbox.

use crate::model::{Grant, Network, Sandbox, SandboxLevel};

/// The sandbox with `grant` as well; `None` where it has it already.
#[must_use]
pub fn granted(sandbox: &Sandbox, grant: &Grant) -> Option<Sandbox> {
    let mut wider = sandbox.clone();
    let add = |list: &mut Vec<String>, entry: &String| {
        if !list.contains(entry) {
            list.push(entry.clone());
        }
    };
    match grant {
        Grant::Read { path } => add(&mut wider.paths.read, path),
        Grant::Write { path } => {
            add(&mut wider.paths.write, path);
            wider.paths.read.retain(|read| read != path);
        }
        Grant::UnixSockets => wider.unix_sockets = true,
        Grant::Host { host } => match &mut wider.network {
            Network::Full => {}
            Network::None => wider.network = Network::Hosts(vec![host.clone()]),
            Network::Hosts(hosts) => add(hosts, host),
        },
        Grant::NoSandbox => wider.level = Some(SandboxLevel::None),
    }
    (wider != *sandbox).then_some(wider)
}
