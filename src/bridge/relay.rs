//! Relays a client's request to a server of either era.

use std::{borrow::Cow, sync::Arc};

use super::{session, stateless};
use crate::{
    bridge::{ClientSender, Conversation, RpcResult},
    mcp::{Era, Request},
    runtime::Offer,
};

/// Sends a request to its server; names and URIs in it are the server's own.
pub(super) async fn relay(
    conversation: &Arc<Conversation>,
    offer: &Offer,
    request: Arc<Request>,
    sender: &ClientSender,
) -> RpcResult {
    let mut offer = Cow::Borrowed(offer);
    if offer.catalogue.is_none() {
        // What is not known of it yet is on its way, or it is down, as the request will find out.
        let catalogue = conversation.runtime.catalogue(&conversation.who, offer.id).await;
        offer.to_mut().catalogue = catalogue.ok();
    }
    match conversation.era {
        Era::Legacy => session::relay(conversation, &offer, request, sender).await,
        Era::Modern => stateless::relay(conversation, &offer, request, sender).await,
    }
}
