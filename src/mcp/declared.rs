//! What a client says of itself with each request (2026-07-28, basic/index#meta).

use std::sync::Arc;

use serde_json::value::RawValue;

/// A client as a server hears of it.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Its `capabilities`, as it wrote them.
    pub capabilities: Arc<RawValue>,
    /// Its `clientInfo`, as it wrote it; `None` is Ostler's own.
    pub info: Option<Arc<RawValue>>,
    /// The least severe `notifications/message` it wants, by its name; `None` where it did not say.
    pub log_level: Option<String>,
}
