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

/// A question of a health tick was answered, or none was.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct Pinged {
    /// Ids of all questions, `ping` first where it is one.
    pub ids: Vec<u64>,
    /// The one that was answered.
    pub answered: Option<u64>,
    pub occasion: CheckHealth,
}
