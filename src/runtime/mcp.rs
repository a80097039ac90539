//! What MCP clients need of a server beside its tools: the words for it. `ask`, `offers` and `lanes` do it.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::{
    error::Result,
    mcp::{Era, McpClient, Request},
    model::{CallId, Catalogue, Isolation, ServerId},
    placement::Lease,
    runtime::Runtime,
    supervisor::{ResourceWatch, messages::Follower},
};

/// A request of an MCP client to one server.
pub struct Ask {
    /// The request, names as the server knows them. What `params._meta` holds of `io.modelcontextprotocol/*` and
    /// `progressToken` is replaced; all else goes through.
    pub request: Arc<Request>,
    /// Who asks.
    pub client: Arc<McpClient>,
    /// Deadline, at most an hour; `None` is the default.
    pub timeout: Option<Duration>,
    /// Ends it before that, as the deadline would; `None` where only the deadline does.
    pub expired: Option<oneshot::Receiver<()>>,
    /// Who hears what the server says before it answers.
    pub follower: Option<Follower>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its result or its error object, byte for byte.
    pub outcome: Result<Arc<RawValue>, Arc<RawValue>>,
    /// The era it speaks.
    pub era: Era,
    /// The call on record, where it was a tool call.
    pub call_id: Option<CallId>,
}

/// A server that somebody may use.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Which.
    pub id: ServerId,
    /// Its name.
    pub name: String,
    /// What it listed last, its tools by the rules of its owner; `None` where it never did.
    pub catalogue: Option<Arc<Catalogue>>,
    /// Those of its tools whose calls over HTTP may have to repeat arguments in headers (`x-mcp-header`).
    pub annotated: Arc<[Arc<RawValue>]>,
    /// Whether it takes requests now.
    pub is_up: bool,
    /// Who shares a process of it.
    pub isolation: Isolation,
}

/// Somebody's interest in a resource; dropping it ends it.
pub struct Watch {
    pub(super) _watch: ResourceWatch,
    pub(super) _lease: Option<Lease>,
}

impl Runtime {
    /// How long a server may take to answer, unless a caller says otherwise.
    #[must_use]
    pub fn call_timeout(&self) -> Duration {
        self.inner.settings.call_timeout
    }

    /// Seals `text` so that only [`Runtime::open_text`] of this installation reads it, for this purpose (AES-256-GCM).
    pub fn seal_text(&self, purpose: &str, text: &[u8]) -> Result<String> {
        self.inner.keyring.seal_carried(purpose, text)
    }

    /// What was sealed for this purpose; `None` where it was not, or was changed.
    pub fn open_text(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        self.inner.keyring.open_carried(purpose, sealed)
    }
}
