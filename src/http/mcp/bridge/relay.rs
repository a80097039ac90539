//! A request of a client to a server of either era.

use std::sync::Arc;

use super::{driver, parking};
use crate::{
    http::mcp::{
        conversation::{Conversation, Outcome},
        outlet::Outlet,
    },
    mcp::{Era, Request},
    runtime::Offer,
};

/// Has a server answer; names and URIs in the request are the server's own.
pub(super) async fn relay(
    conversation: &Arc<Conversation>,
    offer: &Offer,
    request: Request,
    outlet: &Outlet,
) -> Outcome {
    match conversation.era {
        Era::Legacy => driver::relay(conversation, offer, request, outlet).await,
        Era::Modern => parking::relay(conversation, offer, request, outlet).await,
    }
}
