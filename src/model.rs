//! Plain values that cross borders: no I/O, no clock but [`Timestamp::now`], no actor.

mod access;
mod account;
mod audit;
mod call;
mod catalogue;
mod hidden;
mod history;
mod id;
mod latencies;
mod output;
mod page;
mod server;
mod service;
mod status;
mod time;
mod timeline;
mod trace;
mod usage;

pub use access::{Credential, Permission, PermissionSet, Principal, Role};
pub use account::{ApiKey, KEY_PREFIX, NewUser, PasswordChange, Session, User, UserChange};
pub use audit::{AuditEntry, AuditFault, AuditFilter, AuditLink, Outcome};
pub use call::{CallFilter, Excerpt, ToolCall};
pub use catalogue::Catalogue;
pub(crate) use hidden::{Hidden, Names};
pub use history::{HealthChange, Rollup, Step};
pub use id::{AuditId, CallId, KeyId, ServerId, SessionId, UserId};
pub use latencies::Latencies;
pub use output::OutputLine;
pub use page::{Page, PageRequest};
pub use server::{Isolation, Remote, Server, ServerChange, ServerConfig, Share, ToolRules};
pub use service::{HealthCheck, InstanceChange, InstanceSpec, LoadBalancing, Serve, ServiceLimit, ServiceSpec};
pub use status::{Authorization, ExitReport, HealthStatus, RuntimeStatus, Status};
pub use time::Timestamp;
pub use timeline::{TimelineFilter, TimelineItem, TimelineKind, TimelineLevel};
pub use trace::{SAMPLED, TraceContext};
pub use usage::Usage;
