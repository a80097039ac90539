//! [`McpClient`]: an MCP client, as servers get to know it.

use std::sync::Arc;

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::mcp::{Declared, Era};

/// An MCP client, as servers get to know it.
#[derive(Clone, Debug)]
pub struct McpClient {
    /// Its session; without one, its credential. Isolation per session goes by it.
    pub session: Uuid,
    /// The era it speaks; in the modern one its capabilities hold for one request.
    pub era: Era,
    /// Its `capabilities`, as it wrote them.
    pub capabilities: Arc<RawValue>,
    /// Its `clientInfo`, as it wrote it.
    pub info: Option<Arc<RawValue>>,
    /// The least severe `notifications/message` it wants, if any.
    pub log_level: Option<String>,
}

impl McpClient {
    /// Declarations that a server gets with each request of this client.
    pub fn declared(&self) -> Declared {
        let Self { capabilities, info, log_level, .. } = self.clone();
        Declared { capabilities, info, log_level }
    }
}
