//! Reports of a server's actor to the supervisor.

use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, Message, Recipient};

use crate::{
    model::{Listing, ServerId},
    supervisor::exit::Exit,
};

/// The supervisor, as its children's actors see it.
#[derive(Clone)]
pub(in crate::supervisor) struct Parent {
    pub ready: Recipient<ChildReady>,
    pub listed: Recipient<ChildListed>,
    pub lost: Recipient<ChildLost>,
    pub exited: Recipient<ChildExited>,
}

impl Parent {
    pub(crate) fn of<S>(addr: &Addr<S>) -> Self
    where
        S: Actor<Context = Context<S>>
            + Handler<ChildReady>
            + Handler<ChildListed>
            + Handler<ChildLost>
            + Handler<ChildExited>,
    {
        let (ready, listed) = (addr.clone().recipient(), addr.clone().recipient());
        Self { ready, listed, lost: addr.clone().recipient(), exited: addr.clone().recipient() }
    }
}

/// A child takes calls.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct ChildReady {
    pub id: ServerId,
    pub generation: u64,
}

/// A child's lists became known, or changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct ChildListed {
    pub id: ServerId,
    pub generation: u64,
    pub listing: Arc<Listing>,
}

/// A child takes no more calls, though its process tree may not be gone yet.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct ChildLost {
    pub id: ServerId,
    pub generation: u64,
}

/// A child's process tree is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct ChildExited {
    pub id: ServerId,
    pub generation: u64,
    pub exit: Exit,
}

/// A child's health was checked.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::supervisor) struct HealthChecked {
    pub id: ServerId,
    pub generation: u64,
    pub healthy: bool,
}
