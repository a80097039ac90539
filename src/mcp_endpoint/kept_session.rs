//! Rows of sessions: state that a session has again once another process takes it up, or this one after it was idle.
//!
//! Its requests in flight and its streams are lost with the process; its log level and its subscriptions are not.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::{session::McpSession, stream::MessageStream};
use crate::{
    bridge::{self, ClientSender, Conversation, ServerScope},
    mcp::{Era, McpClient, Members, Request, convert},
    model::{ClientSession, ServerId},
};

/// Bytes of a state that is kept: no client that means well declares as much.
const STATE_BYTES_MAX: usize = 64 << 10;
/// Time that a client waits for its row: without one its session works all the same, and ends with this process.
const ROW_TIMEOUT: Duration = Duration::from_secs(1);

const SUBSCRIBE: &str = "resources/subscribe";

/// State of a session, as JSON.
#[derive(Serialize, Deserialize)]
struct SessionState {
    server: Option<ServerId>,
    search: bool,
    version: String,
    capabilities: Box<RawValue>,
    info: Option<Box<RawValue>>,
    log_level: Option<String>,
    subscriptions: Vec<String>,
}

/// True for the methods that change what a session's row says.
pub(super) fn is_changed_by(method: &str) -> bool {
    ["logging/setLevel", SUBSCRIBE, "resources/unsubscribe"].contains(&method)
}

/// Adds the row of a session that has just begun.
pub(super) async fn begin(conversation: &Conversation) {
    let Some(row) = row(conversation) else { return };
    // The row is written even if the client waits no longer.
    if let Ok(Err(error)) = timeout(ROW_TIMEOUT, conversation.runtime.accounts().begin_client_session(row)).await {
        log::warn!(error:%; "the session of an MCP client could not be kept and will end with this process");
    }
}

/// Keeps what has become of a session.
pub(super) async fn update(conversation: &Conversation) {
    let Some(row) = row(conversation) else { return };
    if let Err(error) = conversation.runtime.accounts().update_client_session(row).await {
        log::warn!(error:%; "the state of an MCP client's session could not be kept");
    }
}

fn row(conversation: &Conversation) -> Option<ClientSession> {
    let client = conversation.client.lock().clone();
    let (server, search) = match conversation.scope {
        ServerScope::One(server) => (Some(server), false),
        ServerScope::All { search } => (None, search),
    };
    let state = SessionState {
        server,
        search,
        version: conversation.version.clone(),
        capabilities: (*client.capabilities).to_owned(),
        info: client.info.as_deref().map(ToOwned::to_owned),
        log_level: client.log_level.clone(),
        subscriptions: conversation.watches.lock().keys().cloned().collect(),
    };
    let state = serde_json::to_string(&state).ok().filter(|state| state.len() <= STATE_BYTES_MAX)?;
    Some(ClientSession { id: client.session, user_id: conversation.who.user_id, state })
}

/// The session of a row, and the resources that it is subscribed to; `None` where it is of another scope.
pub(super) fn read(row: &ClientSession, scope: ServerScope) -> Option<(McpSession, Vec<String>)> {
    let state: SessionState = serde_json::from_str(&row.state).ok()?;
    let of_row = state.server.map_or(ServerScope::All { search: state.search }, ServerScope::One);
    let client = McpClient {
        session: row.id,
        era: Era::Legacy,
        capabilities: state.capabilities.into(),
        info: state.info.map(Arc::from),
        log_level: state.log_level,
    };
    let session = McpSession::resumed(row.user_id, scope, state.version, client);
    (of_row == scope).then_some((session, state.subscriptions))
}

/// Subscribes to resources again; one that is gone is left out.
pub(super) async fn subscribe(conversation: Arc<Conversation>, uris: Vec<String>) {
    // Nothing is said before the answer, and that has no reader either.
    let sender = ClientSender::new(MessageStream::new(0), None);
    for uri in uris {
        let mut params = Members::default();
        params.set("uri", convert::text(&uri));
        if bridge::answer(&conversation, Request::of(SUBSCRIBE, params), &sender).await.is_err() {
            log::debug!("a session that was taken up again could not subscribe to a resource");
        }
    }
}
