//! Tools whose arguments the client repeats in headers (`x-mcp-header`).

use std::sync::Arc;

use serde_json::value::RawValue;

use super::aggregate::AggregatedLists;
use crate::{
    bridge::{Conversation, ServerScope},
    listings::ListedServer,
    mcp::convert,
};

/// The tool as its server listed it last, by the name that the client knows; `None` where no argument of it is repeated
/// in a header. Does not ask the server.
pub(crate) fn annotated_tool(conversation: &Conversation, tool: &str) -> Option<Arc<RawValue>> {
    let Conversation { runtime, who, scope, .. } = conversation;
    let find = |listed: &ListedServer, name: &str| {
        let mut all = listed.annotated.iter();
        all.find(|tool| convert::name(tool).as_deref() == Some(name)).cloned()
    };
    match scope {
        ServerScope::One(server) => find(&runtime.listings().server(who, *server).ok()?, tool),
        ServerScope::All { .. } => {
            let (listed, own) = AggregatedLists::current(conversation).ok()?.find_tool(tool)?;
            find(&listed, &own)
        }
    }
}
