//! What the actors of this room say to each other.
//!
//! | message | from | to | means |
//! |---|---|---|---|
//! | [`AddServer`], [`UpdateServer`], [`RemoveServer`] | runtime | supervisor | which children there are |
//! | [`StartServer`], [`StopServer`], [`RestartServer`] | runtime | supervisor | which of them should run |
//! | [`CheckServer`] | runtime | supervisor | is it well, now? |
//! | [`StopAll`], [`ResumeAll`] | runtime | supervisor | Ostler is ending, or stands by; it serves again |
//! | [`Dispatch`], [`Abandon`], `Notify` | whoever asks a server | server | a request, and that nobody waits for it any more |
//! | `Answered` | whoever was asked | server | what to tell the server that asked |
//! | `WatchesChanged` | a link | server | other resources are watched than before |
//! | [`StopInstance`], [`CheckHealth`] | supervisor | server | end in good order; is it well? |
//! | `GuardSaid`, `GuardGone`, `HandshakeEnded`, `Listed`, `Subscribed`, `Pinged` | a server's own tasks | server | what they found |
//! | `ChildReady`, `ChildListed`, `ChildLost`, `ChildExited`, `HealthChecked` | server | supervisor | what became of a child |
//!
//! Reports carry the generation of the process they are about; the supervisor drops those of processes it has forgotten.

mod commands;
mod control;
mod findings;
mod news;
mod reports;
mod requests;

pub use commands::{
    AddServer, CheckServer, NotUp, RemoveServer, RestartServer, ResumeAll, StartServer, StopAll, StopServer,
    UpdateServer, Wanted,
};
pub use control::{CheckHealth, StopInstance};
pub use news::News;
pub use requests::{Abandon, Answer, Asked, Dispatch, Follower, Note};

pub(super) use findings::{GuardGone, GuardSaid, HandshakeEnded, Listed, Pinged, Subscribed};
pub(super) use reports::{ChildExited, ChildListed, ChildLost, ChildReady, HealthChecked, Parent};
pub(super) use requests::{Answered, Mailbox, Notify, WatchesChanged};
