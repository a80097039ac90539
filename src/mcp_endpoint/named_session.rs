//! The session that a request names in its header.

use std::sync::Arc;

use actix_web::{HttpRequest, http::header::HeaderName};
use uuid::Uuid;

use super::{caller::McpCaller, headers, refusal::MessageRefusal, session::McpSession};
use crate::{bridge::ServerScope, mcp::is_legacy};

/// The session that a request names, where it is the caller's.
pub(super) fn named_session(
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
    let found = Uuid::try_parse(id).ok().and_then(|id| caller.sessions.find(id, &caller.who, scope));
    found.ok_or_else(|| {
        MessageRefusal::with_status(404, None, "there is no such session; it may have ended, so initialize another")
    })
}
