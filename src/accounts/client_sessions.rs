//! Sessions of MCP clients: rows, so that they outlive the process, and end for good with the account or by `DELETE`.

use uuid::Uuid;

use crate::{
    accounts::Accounts,
    error::Result,
    model::{ClientSession, Timestamp, UserId},
    store::mcp_sessions,
};

/// Sessions kept of one account: many clients never end theirs, and those used last are the ones still in use.
const SESSIONS_KEPT_PER_USER: i64 = 256;

impl Accounts {
    /// Keeps a session that has just begun.
    pub(crate) async fn begin_client_session(&self, session: ClientSession) -> Result<()> {
        let begin = move |db: &mut _| mcp_sessions::insert(db, &session, Timestamp::now(), SESSIONS_KEPT_PER_USER);
        self.recorder.commit(None, begin).await
    }

    /// Keeps what has become of a session that is in use; nothing where it has ended.
    pub(crate) async fn update_client_session(&self, session: ClientSession) -> Result<()> {
        self.recorder.commit(None, move |db| mcp_sessions::update(db, &session, Timestamp::now())).await
    }

    /// The session of this id, where it is the user's and has not ended.
    pub(crate) async fn client_session(&self, id: Uuid, user: UserId) -> Result<Option<ClientSession>> {
        let found = self.store.read(move |db| mcp_sessions::find(db, id)).await?;
        Ok(found.filter(|session| session.user_id == user))
    }

    /// Ends a session for good.
    pub(crate) async fn end_client_session(&self, id: Uuid) -> Result<()> {
        self.recorder.commit(None, move |db| mcp_sessions::delete(db, id)).await
    }
}
