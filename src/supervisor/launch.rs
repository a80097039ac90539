//! [`Launch`]: how a server is run, and for whom.
//!
//! A serving child whose launch differs is due for another process. Name and description are no part of it, so changes
//! of those need none.

use std::{path::PathBuf, time::Duration};

use crate::{
    model::{PackageRun, Protocol, Refusal, Remote, Sandbox},
    outbound::Reachable,
    policy::{
        refusal::{self, ContainedProcess},
        value_template::{Found, Templates},
    },
    supervisor::{guard::Spec, remote::Authority},
};

/// Program or remote target of a server, its environment, its sharing and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The program for the guard; of a remote server, nothing but its environment's marks.
    pub spec: Spec,
    /// The packages that are installed, and whose program is run in place of `spec`'s; `None` for `spec` as it is.
    pub package: Option<PackageRun>,
    /// Times that other versions of its package took the place of those before, in this run of Ostler.
    pub renewals: u64,
    /// The sandbox that it runs in, with the level that applies; `None` where it has none.
    pub sandbox: Option<Sandbox>,
    /// Its endpoint, if it is remote.
    pub remote: Option<RemoteTarget>,
    /// The reason why it cannot be started: a secret that it refers to is missing.
    pub missing: Option<String>,
    /// Values of its environment and its headers that are put together at each start.
    pub templates: Templates,
    /// Callers it serves, and the capabilities declared to it on their behalf.
    pub sharing: Sharing,
    /// Hosts that it may connect to; `None` for all.
    pub egress: Option<Egress>,
    /// The program that guards it.
    pub guard: PathBuf,
    /// Revisions of the protocol to speak with it.
    pub protocol: Protocol,
    /// Longest time from spawn to ready.
    pub start_timeout: Duration,
    /// Time to end after its standard input closed, and again after SIGTERM.
    pub stop_grace: (Duration, Duration),
    /// Time to answer a ping.
    pub ping_timeout: Duration,
}

impl Launch {
    /// True when `other` runs the same program in the same environment, or reaches the same target. Its containment may
    /// differ: of a program that is away for a moment less is known.
    pub(super) fn runs_like(&self, other: &Self) -> bool {
        let program = |spec: &Spec| {
            let dir = spec.working_dir().to_owned();
            (spec.program.clone(), spec.args.clone(), spec.env.clone(), dir, spec.limits)
        };
        let others = |launch: &Self| {
            let Self { remote, egress, templates, package, renewals, .. } = launch;
            (remote.clone(), egress.clone(), templates.clone(), package.clone(), *renewals)
        };
        program(&self.spec) == program(&other.spec) && others(self) == others(other)
    }

    /// The launch of one process, with the secrets that were fetched for it.
    #[must_use]
    pub fn filled(&self, found: &Found) -> Self {
        let mut launch = self.clone();
        let Templates { env, headers } = &self.templates;
        launch.spec.env.extend(env.iter().map(|(name, template)| (name.clone(), template.filled(found))));
        if let Some(target) = &mut launch.remote {
            target.remote.headers.extend(headers.iter().map(|(name, one)| (name.clone(), one.filled(found))));
        }
        launch
    }

    /// The refusal of its sandbox that lines of its process tell of, which are made only if it has one.
    pub(super) fn refusal(&self, lines: impl FnOnce() -> Vec<String>) -> Option<Refusal> {
        let sandbox = self.sandbox.as_ref()?;
        let dir = self.spec.dir.to_str();
        let own: Vec<_> = self.spec.env.get("HOME").map(String::as_str).into_iter().chain(dir).collect();
        refusal::of(&lines(), ContainedProcess { sandbox, own: &own })
    }
}

/// The hosts that the processes of a server may connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    /// Their names and patterns, as the owner wrote them.
    pub hosts: Vec<String>,
    /// Their addresses.
    pub reachable: Reachable,
}

/// A server that is reached over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteTarget {
    /// Its endpoint and what is sent along.
    pub remote: Remote,
    /// Allows an address that is not public.
    pub private_addresses: bool,
    /// The tokens it is sent, where its owner's headers hold none.
    pub authority: Authority,
}

/// Callers that share a process, and the capabilities that are declared to it therefore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Callers who do not know of each other: it may ask nothing.
    #[default]
    Shared,
    /// No caller: its lists stand for those of the server's other processes, which may make requests. It may make none,
    /// but the capabilities are declared, since many servers hide tools that they could not serve without them.
    Listing {
        /// Declared at `initialize`: the `capabilities` object, as JSON.
        capabilities: String,
    },
    /// One user or one session.
    Exclusive {
        /// Declared at `initialize`: the `capabilities` object, as JSON.
        capabilities: String,
    },
}
