//! The session that a request names in its header.

use std::sync::Arc;

use actix_web::{HttpRequest, http::header::HeaderName};
use uuid::Uuid;

use super::{caller::McpCaller, headers, kept_session, refusal::MessageRefusal, session::McpSession};
use crate::{bridge::ServerScope, error::Result, mcp::is_legacy};

/// The session that a request names, where it is the caller's and has not ended.
pub(super) async fn named_session(
    http: &HttpRequest,
    caller: &McpCaller,
    scope: ServerScope,
) -> Result<Arc<McpSession>, MessageRefusal> {
    let header = |name: HeaderName| {
        headers::only(http.headers(), &name).map_err(|message| MessageRefusal::invalid(None, &message))
    };
    let Some(id) = header(headers::SESSION_HEADER)? else {
        return Err(MessageRefusal::invalid(
            None,
            "the header Mcp-Session-Id is missing; a session begins with initialize",
        ));
    };
    if let Some(version) = header(headers::VERSION_HEADER)?.filter(|version| !is_legacy(version)) {
        return Err(MessageRefusal::version(None, version));
    }
    let found = match Uuid::try_parse(id) {
        Ok(id) => find(caller, scope, id).await.map_err(MessageRefusal::of_error)?,
        Err(_) => None,
    };
    found.ok_or_else(|| {
        MessageRefusal::with_status(404, None, "there is no such session; it may have ended, so initialize another")
    })
}

/// A session in memory, or else one that its row says has not ended.
async fn find(caller: &McpCaller, scope: ServerScope, id: Uuid) -> Result<Option<Arc<McpSession>>> {
    if let Some(session) = caller.sessions.find(id, &caller.who, scope) {
        if session.is_row_due() {
            let conversation = caller.conversation(&session);
            tokio::spawn(async move { kept_session::update(&conversation).await });
        }
        return Ok(Some(session));
    }
    let row = caller.runtime.accounts().client_session(id, caller.who.user_id).await?;
    let Some((session, subscriptions)) = row.and_then(|row| kept_session::read(&row, scope)) else { return Ok(None) };
    let session = caller.sessions.resume(Arc::new(session))?;
    // It may have ended between the row and now.
    if caller.runtime.accounts().client_session(id, caller.who.user_id).await?.is_none() {
        caller.sessions.end(&session);
        return Ok(None);
    }
    if !subscriptions.is_empty() {
        tokio::spawn(kept_session::subscribe(caller.conversation(&session), subscriptions));
    }
    Ok(Some(session))
}
