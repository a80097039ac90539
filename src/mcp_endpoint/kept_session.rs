//! Rows of sessions: state that a session has again once another process takes it up, or this one after it was idle.
//!
//! Its requests in flight and its streams are lost with the process; its log level and its subscriptions are not.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::session::McpSession;
use crate::{
    bridge::{Conversation, ServerScope},
    error::Result,
    mcp::{Era, McpClient},
    model::{ClientSession, ServerId},
};

/// Bytes of a state that is kept: no client that means well declares as much.
const STATE_BYTES_MAX: usize = 64 << 10;
/// Time that a client waits for its row, which is written even if it waits no longer: the session works all the same,
/// and is taken up again as the last row that was written says.
const ROW_TIMEOUT: Duration = Duration::from_secs(1);

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
    ["logging/setLevel", "resources/subscribe", "resources/unsubscribe"].contains(&method)
}

/// Adds the row of a session that has just begun.
pub(super) async fn begin(conversation: &Conversation) {
    let Some(row) = row(conversation) else { return };
    if let Err(error) = within_timeout(conversation.runtime.accounts().begin_client_session(row)).await {
        log::warn!(error:%; "the session of an MCP client could not be kept and will end with this process");
    }
}

/// Keeps what has become of a session.
pub(super) async fn update(conversation: &Conversation) {
    let Some(row) = row(conversation) else { return };
    if let Err(error) = within_timeout(conversation.runtime.accounts().update_client_session(row)).await {
        log::warn!(error:%; "the state of an MCP client's session could not be kept");
    }
}

async fn within_timeout(writing: impl Future<Output = Result<()>>) -> Result<()> {
    timeout(ROW_TIMEOUT, writing).await.unwrap_or(Ok(()))
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

/// The session of a row; `None` where it is of another scope.
pub(super) fn read(row: &ClientSession, scope: ServerScope) -> Option<McpSession> {
    let state: SessionState = serde_json::from_str(&row.state).ok()?;
    let of_row = state.server.map_or(ServerScope::All { search: state.search }, ServerScope::One);
    let client = McpClient {
        session: row.id,
        era: Era::Legacy,
        capabilities: state.capabilities.into(),
        info: state.info.map(Arc::from),
        log_level: state.log_level,
    };
    (of_row == scope).then(|| McpSession::resumed(row.user_id, scope, state.version, client, state.subscriptions))
}
