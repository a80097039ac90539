//! Messages of a server's own tasks to its actor.

use std::sync::Arc;

use actix::Message;
use serde_json::value::RawValue;

use crate::{
    error::Result,
    supervisor::{
        exit::Exit,
        guard::Report,
        handshake::Greeted,
        list_kind::{Items, ListKind},
        messages::control::CheckHealth,
    },
};

/// A guard reported.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct GuardReported(pub Report);

/// The guard and everything below it is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct GuardExited;

/// The handshake succeeded or failed.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct HandshakeEnded(pub Result<Greeted, Exit>);

/// Lists were fetched, or could not be.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct ListsFetched(pub Vec<(ListKind, Result<Items, Exit>)>);

/// A `resources/subscribe` to a process of the legacy era ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct Subscribed {
    pub uri: String,
    /// Its error object where it refused.
    pub outcome: Result<(), Arc<RawValue>>,
}

/// A ping of a health tick was answered, or not.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct Pinged {
    pub id: u64,
    pub alive: bool,
    pub occasion: CheckHealth,
}
