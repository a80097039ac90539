//! Messages between the actors of this room.
//!
//! | message | from | to | means |
//! |---|---|---|---|
//! | [`AddServer`], [`UpdateServer`], [`RemoveServer`] | runtime | supervisor | which children there are |
//! | [`StartServer`], [`StopServer`], [`RestartServer`] | runtime | supervisor | which of them should run |
//! | [`WakeServer`] | runtime | supervisor | one that was not there is asked for |
//! | [`CheckServer`] | runtime | supervisor | is it well, now? |
//! | [`CheckSupervisor`] | runtime | supervisor | does it take messages? |
//! | [`StopAll`], [`ResumeAll`] | runtime | supervisor | Ostler is ending, or stands by; it serves again |
//! | [`Dispatch`], [`Abandon`], `Notify` | callers of a server | server | a request, its cancellation, a notification |
//! | `AnswerServerRequest` | a client that got a server's request | server | the response to the server's own request |
//! | `WatchesChanged` | a link | server | other resources are watched than before |
//! | [`StopInstance`], [`CheckHealth`] | supervisor | server | end in good order; is it well? |
//! | `GuardReported`, `GuardExited`, `HandshakeEnded` | a server's own tasks | server | their findings |
//! | `ListsFetched`, `Subscribed`, `Pinged` | a server's own tasks | server | their findings |
//! | `ChildReady`, `ChildListed`, `ChildLost` | server | supervisor | state of a child |
//! | `ChildExited`, `HealthChecked` | server | supervisor | end of a child, result of a health check |
//!
//! Reports carry the generation of the process they are about; the supervisor drops those of processes it has
//! forgotten.

mod commands;
mod control;
mod findings;
mod reports;
mod requests;
mod server_event;

pub use commands::{
    AddServer, CheckServer, CheckSupervisor, NotUp, RemoveServer, RestartServer, ResumeAll, StartServer, StopAll,
    StopServer, UpdateServer, WakeServer, Wanted,
};
pub use control::{CheckHealth, StopInstance};
pub use requests::{Abandon, Answer, Dispatch, RequestEvent, RequestSubscriber, ServerRequest};
pub use server_event::ServerEvent;

pub(super) use findings::{GuardExited, GuardReported, HandshakeEnded, ListsFetched, Pinged, Subscribed};
pub(super) use reports::{ChildExited, ChildListed, ChildLost, ChildReady, HealthChecked, Parent};
pub(super) use requests::{AnswerServerRequest, Mailbox, Notify, WatchesChanged};
