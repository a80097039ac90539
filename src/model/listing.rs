//! [`Listing`]: tools, prompts, resources and templates that a server lists.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The last lists of a server; each item byte for byte.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Listing {
    /// Negotiated protocol revision.
    pub version: String,
    /// Result of `server/discover` or `initialize`.
    pub greeting: Arc<RawValue>,
    /// True when `server/discover` led nowhere, so that its next process gets `initialize` at once.
    pub skips_discovery: bool,
    /// From `tools/list`.
    pub tools: Arc<Vec<Arc<RawValue>>>,
    /// From `prompts/list`.
    pub prompts: Arc<Vec<Arc<RawValue>>>,
    /// From `resources/list`.
    pub resources: Arc<Vec<Arc<RawValue>>>,
    /// From `resources/templates/list`.
    pub templates: Arc<Vec<Arc<RawValue>>>,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            version: String::new(),
            greeting: Arc::from(RawValue::NULL.to_owned()),
            skips_discovery: false,
            tools: Arc::default(),
            prompts: Arc::default(),
            resources: Arc::default(),
            templates: Arc::default(),
        }
    }
}
