//! Whom an MCP client is to the bridge: of a session in the older era, of one request in the newer one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::value::RawValue;

use crate::{
    Runtime,
    mcp::Era,
    model::{Principal, ServerId, TraceContext},
    policy::permission,
    runtime::{Client, Needs, Watch},
};

/// A result, or a JSON-RPC error object.
pub type Outcome = Result<Arc<RawValue>, Arc<RawValue>>;

/// What a client speaks with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One server, as it is.
    One(ServerId),
    /// Every server the client may use, as one.
    All {
        /// Three tools to find and call the others with, in place of those.
        search: bool,
    },
}

impl Scope {
    /// What a client needs to listen.
    pub fn needs(self) -> Needs {
        match self {
            Self::One(server) => Needs::Server(server, permission::USES),
            Self::All { .. } => Needs::Credential,
        }
    }
}

/// A client and what is known of it. Each request has a conversation with whoever sent it; what a session remembers is
/// the same in all of its conversations.
pub struct Conversation {
    pub runtime: Runtime,
    pub who: Arc<Principal>,
    pub scope: Scope,
    /// The era the client speaks.
    pub era: Era,
    /// The revision it speaks.
    pub version: String,
    /// What servers hear of it.
    pub client: Arc<Mutex<Arc<Client>>>,
    /// The span of the HTTP request, where spans are made.
    pub span: Option<TraceContext>,
    /// The resources it subscribed to (older era only), by URI as it knows them.
    pub watches: Arc<Mutex<BTreeMap<String, Watch>>>,
}

impl Conversation {
    /// The client as servers see it now.
    pub(super) fn client(&self) -> Arc<Client> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
