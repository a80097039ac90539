//! [`SystemFacts`]: facts about the running program that the system page shows.

use std::sync::OnceLock;

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::Timestamp;

/// A setting of the program; secrets are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Configured {
    /// Its name in the configuration file.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Source of the value: a file, a variable, an argument, or the default.
    pub origin: String,
}

/// When the runtime started, and the settings of the program.
pub(super) struct SystemFacts {
    /// When it started.
    pub started_at: Timestamp,
    /// Settings, once the program has described them.
    pub configuration: OnceLock<Vec<Configured>>,
}

impl SystemFacts {
    /// Started now.
    pub(super) fn now() -> Self {
        Self { started_at: Timestamp::now(), configuration: OnceLock::new() }
    }
}
