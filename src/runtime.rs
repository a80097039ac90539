//! [`Runtime`]: the cloneable handle that HTTP, examples and embedders all call. Assembles the services, starts and
//! stops them; one accessor a service.

mod account_events;
mod assembly;
mod audit_check;
#[cfg(feature = "remote")]
mod authorized_restart;
mod builder;
mod data_dir;
mod handle;
#[cfg(feature = "metrics")]
mod metrics_page;
#[cfg(not(feature = "gateway"))]
mod no_services;
mod place;
mod rotation;
#[cfg(feature = "gateway")]
mod services;
mod settings;
mod start;
mod state;
mod stop;
mod system;
mod system_facts;
mod tenure;
#[cfg(test)]
mod tests;

pub use crate::{
    model::OutputLine,
    policy::{command::AllowedCommands, restart::RestartPolicy, retention::Retention},
    store::DatabaseUrl,
};
#[cfg(not(feature = "gateway"))]
use no_services::Services;
#[cfg(feature = "gateway")]
use services::Services;

pub use builder::Builder;
pub use handle::Runtime;
pub use rotation::{KeyRotation, rotate_key};
pub use settings::Settings;
pub use state::Readiness;
pub use system::{DatabaseFacts, DatabaseKind, IsolationCounts, System, SystemLimits};
pub use system_facts::Configured;
