//! Commands to the supervisor.

use std::sync::Arc;

use actix::Message;

use crate::{
    error::Result,
    model::{ExitReport, ServerId},
    policy::mask::Mask,
    supervisor::{child_view::ChildView, launch::Launch, link::Link},
};

/// Adds a child.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AddServer {
    /// Its id.
    pub id: ServerId,
    /// Program or remote target, with its environment and limits.
    pub launch: Arc<Launch>,
    /// Secrets to mask in its output.
    pub mask: Mask,
    /// State to drive the child to.
    pub wanted: Wanted,
    /// State and output of the child, for readers; it outlives a supervisor.
    pub link: Link,
}

/// Changes how a child is run; a running one is replaced by a new process, moved over to, and drained.
#[derive(Message)]
#[rtype(result = "()")]
pub struct UpdateServer {
    /// Id of the child.
    pub id: ServerId,
    /// Program or remote target from now on.
    pub launch: Arc<Launch>,
    /// Secrets to mask in its output.
    pub mask: Mask,
    /// State to drive the child to, where that changes.
    pub wanted: Option<Wanted>,
}

/// Ends a child and forgets it; answers once its process tree is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RemoveServer {
    /// Id of the child.
    pub id: ServerId,
}

/// Starts a child; answers with its state once it is ready, or with how its first attempt ended.
#[derive(Message)]
#[rtype(result = "Result<ChildView, NotUp>")]
pub struct StartServer {
    /// Id of the child.
    pub id: ServerId,
}

/// Tries at once to reach a child that is left down because it was not there: there is a request for it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WakeServer {
    /// Id of the child.
    pub id: ServerId,
}

/// Reason why a child that was to start is not up.
#[derive(Clone, Debug)]
pub enum NotUp {
    /// Its process ended first; it may be tried again by and by.
    Failed(ExitReport),
    /// It was stopped meanwhile.
    Stopped,
}

/// Stops a child; answers once its process tree is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopServer {
    /// Id of the child.
    pub id: ServerId,
}

/// Stops and starts a child; answers like [`StartServer`]. Several at once are one.
#[derive(Message)]
#[rtype(result = "Result<ChildView, NotUp>")]
pub struct RestartServer {
    /// Id of the child.
    pub id: ServerId,
}

/// Asks a child now; answers whether it is well.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct CheckServer {
    /// Id of the child.
    pub id: ServerId,
}

/// Asks the supervisor for nothing but an answer.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CheckSupervisor;

/// Stops every child; answers once all process trees are gone. Nothing starts until [`ResumeAll`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopAll;

/// Lets children start again that are wanted from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ResumeAll;

/// State that a child is driven to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It should run.
    Up,
    /// It should not run.
    Down,
}
