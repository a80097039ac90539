//! What is known of a tool without asking its server.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::together::Together;
use crate::{
    http::mcp::conversation::{Conversation, Scope},
    mcp::convert,
};

/// A tool as its server described it last, by the name that the client knows; only those whose description is `wanted`.
pub(in crate::http::mcp) fn described(
    conversation: &Conversation,
    tool: &str,
    wanted: impl Fn(&RawValue) -> bool,
) -> Option<Arc<RawValue>> {
    let find = |tools: &[Arc<RawValue>], name: &str| {
        let mut all = tools.iter().filter(|tool| wanted(tool));
        all.find(|tool| convert::name(tool).as_deref() == Some(name)).cloned()
    };
    match conversation.scope {
        Scope::One(server) => {
            let offer = conversation.runtime.offer(&conversation.who, server).ok()?;
            find(&offer.catalogue?.tools, tool)
        }
        Scope::All { .. } => {
            let all = Together::of(conversation).ok()?;
            let (offer, own) = all.find_tool(tool)?;
            find(&offer.catalogue?.tools, &own)
        }
    }
}
