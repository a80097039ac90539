//! The MCP client as the bridge sees it: for a session in the older era, for one request in the newer one.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use serde_json::value::RawValue;

use crate::{
    Runtime,
    bridge::{LinkedResources, SuspendedRequests},
    calls::ResourceSubscription,
    mcp::{Era, McpClient},
    model::{Principal, ServerId, TraceContext},
    policy::permission,
    revocation::RequiredRight,
};

/// The result of a JSON-RPC request, or its error object.
pub(crate) type RpcResult = Result<Arc<RawValue>, Arc<RawValue>>;

/// Resource subscriptions of a session, by URI as the client knows it: `None` where the session was taken up again and
/// the server has yet to agree. Such a one is still the client's.
pub(crate) type SessionSubscriptions = Mutex<BTreeMap<String, Option<ResourceSubscription>>>;

/// The servers that a client addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerScope {
    /// One server, passed through unchanged.
    One(ServerId),
    /// Every server the client may use, aggregated into one.
    All {
        /// Lists three tools that find, describe and call the others, in place of those.
        search: bool,
    },
}

impl ServerScope {
    /// The right that a client needs to listen.
    pub(crate) fn needs(self) -> RequiredRight {
        match self {
            Self::One(server) => RequiredRight::Server(server, permission::USES),
            Self::All { .. } => RequiredRight::Credential,
        }
    }
}

/// A client, with the state of its session. Each request has a conversation of its own; those of one session share the
/// state behind an `Arc`.
pub(crate) struct Conversation {
    pub runtime: Runtime,
    /// Suspended requests of all clients.
    pub suspended: Arc<SuspendedRequests>,
    /// Resources that servers linked to, of all clients.
    pub linked: Arc<LinkedResources>,
    pub who: Arc<Principal>,
    pub scope: ServerScope,
    /// The era the client speaks.
    pub era: Era,
    /// The revision it speaks.
    pub version: String,
    /// The client's declarations, as servers are sent them.
    pub client: Arc<Mutex<Arc<McpClient>>>,
    /// The span of the HTTP request; `None` where tracing is off.
    pub span: Option<TraceContext>,
    /// Its resource subscriptions (older era only).
    pub watches: Arc<SessionSubscriptions>,
}

impl Conversation {
    /// The client's declarations as of now.
    pub(super) fn client(&self) -> Arc<McpClient> {
        self.client.lock().clone()
    }
}
