//! What a server offers, as it said so itself.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Everything a server listed when it was last asked; each item byte for byte.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Catalogue {
    /// The protocol revision agreed on.
    pub version: String,
    /// The whole result of `server/discover` or `initialize`.
    pub greeting: Arc<RawValue>,
    /// From `tools/list`.
    pub tools: Arc<Vec<Arc<RawValue>>>,
    /// From `prompts/list`.
    pub prompts: Arc<Vec<Arc<RawValue>>>,
    /// From `resources/list`.
    pub resources: Arc<Vec<Arc<RawValue>>>,
    /// From `resources/templates/list`.
    pub templates: Arc<Vec<Arc<RawValue>>>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self {
            version: String::new(),
            greeting: Arc::from(RawValue::NULL.to_owned()),
            tools: Arc::default(),
            prompts: Arc::default(),
            resources: Arc::default(),
            templates: Arc::default(),
        }
    }
}
