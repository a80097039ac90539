//! [`ListedServer`]: a server that a caller may use.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::model::{Isolation, Listing, ServerId};

/// A server that a caller may use, with its listing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListedServer {
    /// Opaque id.
    pub id: ServerId,
    /// Its name.
    pub name: String,
    /// Its last listing, with tools by the rules of its owner; `None` where it never listed anything.
    pub listing: Option<Arc<Listing>>,
    /// Those of its tools whose calls over HTTP may have to repeat arguments in headers (`x-mcp-header`).
    pub annotated: Arc<[Arc<RawValue>]>,
    /// Names of its tools that wait to be accepted; the listing is without them.
    pub quarantined: Vec<String>,
    /// True if it takes requests now.
    pub is_up: bool,
    /// Isolation of its processes.
    pub isolation: Isolation,
}
