//! Servers: registered, changed, shared, started and stopped, imported and exported, and what the supervisor reports of
//! them.
//!
//! Knows nothing of tool calls.

pub(crate) mod answered;
pub(crate) mod catalogue;
mod control;
mod details;
mod external_references;
mod health_check;
mod import;
mod loading;
mod named;
mod output;
mod package_following;
mod package_update;
mod packages;
pub(crate) mod published;
mod registration;
mod renewal;
pub(crate) mod server_view;
mod service;
mod settings;
mod shares;
mod spawn_record;
mod supervisor_events;
pub(crate) mod template_roll;
pub(crate) mod templates;
mod timeline;

pub use crate::policy::client_file::ClientFormat;
pub use details::ServerDetails;
pub use health_check::{HealthReport, HealthSummary, ServerHealth};
pub use import::{ImportAction, Imported};
pub use package_update::UpdateMode;
pub use service::Servers;
pub use settings::ServerSettings;
