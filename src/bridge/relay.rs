//! A request of a client to a server of either era.

use std::{borrow::Cow, sync::Arc};

use super::{session, stateless};
use crate::{
    bridge::{Conversation, Outcome, Outlet},
    mcp::{Era, Request},
    runtime::Offer,
};

/// Has a server answer; names and URIs in the request are the server's own.
pub(super) async fn relay(
    conversation: &Arc<Conversation>,
    offer: &Offer,
    request: Arc<Request>,
    outlet: &Outlet,
) -> Outcome {
    let mut offer = Cow::Borrowed(offer);
    if offer.catalogue.is_none() {
        // What is not known of it yet is on its way, or it is down, as the request will find out.
        let catalogue = conversation.runtime.catalogue(&conversation.who, offer.id).await;
        offer.to_mut().catalogue = catalogue.ok();
    }
    match conversation.era {
        Era::Legacy => session::relay(conversation, &offer, request, outlet).await,
        Era::Modern => stateless::relay(conversation, &offer, request, outlet).await,
    }
}
