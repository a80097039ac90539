//! Changes of tools since they were accepted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Treatment of tools that are not as they were accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ToolPinning {
    /// Quarantine: neither shown to MCP clients nor called, until a person accepts them.
    #[default]
    Pin,
    /// Accepted as they come, for servers that change their lists by plan.
    Follow,
}

/// A tool in quarantine: one that is not as it was accepted.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolChange {
    /// Its name.
    pub name: String,
    /// SHA-256 of its definition, in hex; to be given back with the acceptance.
    pub hash: String,
    /// SHA-256 of the accepted definition; `null` where it is new.
    pub accepted_hash: Option<String>,
    /// Differences from the accepted definition.
    pub differences: Vec<ToolDifference>,
    /// Warnings about its texts.
    pub warnings: Vec<String>,
}

/// A part of a tool's definition that is not as it was accepted.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct ToolDifference {
    /// JSON Pointer to it (RFC 6901); empty for the whole definition.
    pub pointer: String,
    /// The accepted value; `null` where there was none, or it is too long to be kept.
    #[schema(value_type = serde_json::Value, required = true)]
    pub before: Option<Arc<RawValue>>,
    /// The new value; `null` where there is none.
    #[schema(value_type = serde_json::Value, required = true)]
    pub after: Option<Arc<RawValue>>,
}

/// A tool to accept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcceptedTool {
    /// Its name.
    pub name: String,
    /// SHA-256 of the definition that was looked at, as its change says.
    pub hash: String,
}

impl AcceptedTool {
    /// The tool as this change has it.
    #[must_use]
    pub fn of(change: &ToolChange) -> Self {
        Self { name: change.name.clone(), hash: change.hash.clone() }
    }
}

impl ToolChange {
    /// True where no tool of this name was accepted.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.accepted_hash.is_none()
    }
}
