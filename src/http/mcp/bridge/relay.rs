//! A request of a client to a server of either era, and how long that may take.

use std::{sync::Arc, time::Duration};

use super::{driver, parking};
use crate::{
    http::mcp::{
        conversation::{Conversation, Outcome},
        outlet::Outlet,
    },
    mcp::{Era, Request},
    model::Isolation,
    policy::call::LONGEST_DEADLINE,
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

/// The deadline of a request: the usual one, unless the server may ask somebody who needs to think.
pub(super) fn deadline(offer: &Offer) -> Option<Duration> {
    match offer.isolation {
        Isolation::Shared => None,
        Isolation::PerUser | Isolation::PerSession => Some(LONGEST_DEADLINE),
    }
}
