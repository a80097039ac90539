//! What is known of a tool without asking its server.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::aggregate::Together;
use crate::{
    bridge::{Conversation, Scope},
    mcp::convert,
    runtime::Offer,
};

/// A tool as its server described it last, by the name that the client knows; only where a call of it may have to repeat
/// arguments in headers.
pub fn annotated(conversation: &Conversation, tool: &str) -> Option<Arc<RawValue>> {
    let Conversation { runtime, who, scope, .. } = conversation;
    let find = |offer: &Offer, name: &str| {
        let mut all = offer.annotated.iter();
        all.find(|tool| convert::name(tool).as_deref() == Some(name)).cloned()
    };
    match scope {
        Scope::One(server) => find(&runtime.offer(who, *server).ok()?, tool),
        Scope::All { .. } => {
            let (offer, own) = Together::of(conversation).ok()?.find_tool(tool)?;
            find(&offer, &own)
        }
    }
}
