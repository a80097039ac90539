//! [`Launch`]: how a server is run, and for whom.
//!
//! A serving child whose launch differs is due for another process. Name and description are no part of it, so changes
//! of those need none.

use std::{path::PathBuf, time::Duration};

use crate::{
    model::Remote,
    supervisor::{guard::Spec, remote::Authority},
};

/// How to run a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// What the guard starts; of a remote server, nothing but its environment's marks.
    pub spec: Spec,
    /// Where it is, if it is no process of ours.
    pub remote: Option<RemoteTarget>,
    /// What the server may ask of whoever calls it.
    pub sharing: Sharing,
    /// The program that guards it.
    pub guard: PathBuf,
    /// Longest time from spawn to ready.
    pub start_timeout: Duration,
    /// How long it has after its standard input closed, and again after SIGTERM.
    pub stop_grace: (Duration, Duration),
    /// How long it has to answer a ping.
    pub ping_timeout: Duration,
}

/// A server that is reached over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteTarget {
    /// Its endpoint and what is sent along.
    pub remote: Remote,
    /// Whether it may be at an address that is not public.
    pub private_addresses: bool,
    /// The tokens it is sent, where its owner's headers hold none.
    pub authority: Authority,
}

/// Who shares a process, and what it may ask of them therefore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Callers who do not know of each other: it may ask nothing.
    #[default]
    Shared,
    /// Nobody's requests: it says what there is for those whom other processes of the server may ask. It may ask nothing,
    /// but is told otherwise, since many servers hide what they could not do.
    Listing {
        /// What is declared to it at `initialize`: the `capabilities` object, as JSON.
        capabilities: String,
    },
    /// One user or one session.
    Exclusive {
        /// What is declared to it at `initialize`: the `capabilities` object, as JSON.
        capabilities: String,
    },
}
