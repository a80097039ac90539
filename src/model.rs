//! Plain values that cross borders: no I/O, no clock but [`Timestamp::now`], no actor.

mod access;
mod account;
mod audit;
mod call;
mod hidden;
mod id;
mod output;
mod page;
mod server;
mod status;
mod time;

pub use access::{Credential, Permission, PermissionSet, Principal, Role};
pub use account::{ApiKey, NewUser, Session, User, UserChange};
pub use audit::{AuditEntry, AuditFilter, Outcome};
pub use call::{CallFilter, ToolCall};
pub(crate) use hidden::{Hidden, Names};
pub use id::{AuditId, CallId, KeyId, ServerId, SessionId, UserId};
pub use output::OutputLine;
pub use page::{Page, PageRequest};
pub use server::{Server, ServerChange, ServerConfig, Share};
pub use status::{ExitReport, HealthStatus, RuntimeStatus, Status};
pub use time::Timestamp;
