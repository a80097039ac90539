//! [`ProcessKey`]: the process of a server that a caller's requests go to.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    mcp::{Era, McpClient},
    model::{Credential, Isolation, Principal, ServerConfig, ServerId, UserId},
    registry::Registered,
    supervisor::Sharing,
};

/// Capabilities declared to a process that the sessions of a user share; each request finds out what its client has.
pub(super) const ALL_CAPABILITIES: &str = r#"{"sampling":{},"elicitation":{"form":{},"url":{}},"roots":{}}"#;

/// A server's process for one user or one session. The declared capabilities are part of it, as a process gets them
/// once, when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ProcessKey {
    /// The server it is a process of.
    pub(super) server: ServerId,
    /// The user it is for.
    pub(super) user: UserId,
    /// The session it is for; `None` where all sessions of the user share it.
    pub(super) session: Option<Uuid>,
    /// Declared to it.
    pub(super) capabilities: String,
}

impl ProcessKey {
    /// Key of the process of `server` that the caller's requests go to; `None` where all callers share one. A caller
    /// that is no MCP client has its credential for a session, and declares nothing.
    pub(super) fn of(who: &Principal, server: &Registered, client: Option<&McpClient>) -> Option<Self> {
        let (session, capabilities) = match server.server.load().config.isolation {
            Isolation::Shared => return None,
            Isolation::PerUser => (None, ALL_CAPABILITIES.to_owned()),
            Isolation::PerSession => match client {
                Some(client) => (Some(client.session), declared(client)),
                None => (Some(credential(who)), "{}".to_owned()),
            },
        };
        Some(Self { server: server.id, user: who.user_id, session, capabilities })
    }
}

/// Sharing of the process that all callers of a server know: the one that lists are read from and health is checked of.
pub(super) fn shared(config: &ServerConfig) -> Sharing {
    match config.isolation {
        Isolation::Shared => Sharing::Shared,
        Isolation::PerUser | Isolation::PerSession => Sharing::Listing { capabilities: ALL_CAPABILITIES.to_owned() },
    }
}

/// Capabilities of a client in one of the ways to write them, without tasks, which are not bridged. A client that
/// declares them with each request would need a process for each; as with several sessions, each request finds out what
/// it has. Its extensions no request can find out, and hardly any client changes them from one to the next.
pub(super) fn declared(client: &McpClient) -> String {
    let object = |json: &str| serde_json::from_str::<Map<String, Value>>(json).unwrap_or_default();
    let mut declared = object(client.capabilities.get());
    declared.remove("tasks");
    if client.era == Era::Legacy {
        return Value::Object(declared).to_string();
    }
    match declared.remove("extensions") {
        Some(Value::Object(extensions)) if !extensions.is_empty() => {
            let mut all = object(ALL_CAPABILITIES);
            all.insert("extensions".to_owned(), Value::Object(extensions));
            Value::Object(all).to_string()
        }
        Some(_) | None => ALL_CAPABILITIES.to_owned(),
    }
}

/// Stands for a session where there is none.
fn credential(who: &Principal) -> Uuid {
    match who.credential {
        Credential::Session(id) => id.uuid(),
        Credential::Key(id) => id.uuid(),
        Credential::Token(subject) => subject,
        Credential::Embedder => who.user_id.uuid(),
    }
}
