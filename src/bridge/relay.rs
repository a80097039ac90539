//! Relays a client's request to a server of either era.

use std::{borrow::Cow, sync::Arc};

use super::{session, stateless};
use crate::{
    bridge::{ClientSender, Conversation, RpcResult},
    listings::ListedServer,
    mcp::{Era, Request},
};

/// Sends a request to its server; names and URIs in it are the server's own.
pub(super) async fn relay(
    conversation: &Arc<Conversation>,
    listed: &ListedServer,
    request: Arc<Request>,
    sender: &ClientSender,
) -> RpcResult {
    let mut listed = Cow::Borrowed(listed);
    if listed.listing.is_none() {
        // A listing that is missing is still being fetched, or the server is down, as the request will find out.
        let listing = conversation.runtime.calls().listing(&conversation.who, listed.id).await;
        listed.to_mut().listing = listing.ok();
    }
    match conversation.era {
        Era::Legacy => session::relay(conversation, &listed, request, sender).await,
        Era::Modern => stateless::relay(conversation, &listed, request, sender).await,
    }
}
