//! The session that a request names in its header.

use std::sync::Arc;

use actix_web::{HttpRequest, http::header::HeaderName};
use uuid::Uuid;

use super::{caller::McpCaller, headers, kept_session, refusal::MessageRefusal, session::McpSession};
use crate::{
    bridge::{self, ServerScope},
    error::Result,
    mcp::is_legacy,
};

/// The session that a request names, where it is the caller's and has not ended.
pub(super) async fn named_session(
    http: &HttpRequest,
    caller: &McpCaller,
    scope: ServerScope,
) -> Result<Arc<McpSession>, MessageRefusal> {
    let found = match named_id(http)? {
        Some(id) => find(caller, scope, id).await.map_err(MessageRefusal::of_error)?,
        None => None,
    };
    found.ok_or_else(no_session)
}

/// The id of the session that a request names, as [`named_session`]. One that is only a row is not taken up for that.
pub(super) async fn named_session_id(
    http: &HttpRequest,
    caller: &McpCaller,
    scope: ServerScope,
) -> Result<Uuid, MessageRefusal> {
    let id = named_id(http)?.ok_or_else(no_session)?;
    let exists = caller.sessions.find(id, &caller.who, scope).is_some()
        || kept(caller, scope, id).await.map_err(MessageRefusal::of_error)?.is_some();
    if exists { Ok(id) } else { Err(no_session()) }
}

/// The id in a request's header; `None` where no session could have it.
fn named_id(http: &HttpRequest) -> Result<Option<Uuid>, MessageRefusal> {
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
    Ok(Uuid::try_parse(id).ok())
}

fn no_session() -> MessageRefusal {
    MessageRefusal::with_status(404, None, "there is no such session; it may have ended, so initialize another")
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
    let Some(session) = kept(caller, scope, id).await? else { return Ok(None) };
    let session = caller.sessions.resume(Arc::new(session))?;
    // It may have ended between the row and now.
    if kept(caller, scope, id).await?.is_none() {
        caller.sessions.end(&session);
        return Ok(None);
    }
    tokio::spawn(bridge::resume_subscriptions(caller.conversation(&session)));
    Ok(Some(session))
}

/// The caller's session of this id and scope, as its row says.
async fn kept(caller: &McpCaller, scope: ServerScope, id: Uuid) -> Result<Option<McpSession>> {
    let row = caller.runtime.accounts().client_session(id, caller.who.user_id).await?;
    Ok(row.and_then(|row| kept_session::read(&row, scope)))
}
