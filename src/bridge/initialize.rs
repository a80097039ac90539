//! The introduction of a server: `initialize` in the older era, `server/discover` in the newer one.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{every_server, fault};
use crate::{
    bridge::{Conversation, RpcResult, ServerScope},
    mcp::{Capabilities, Request, convert},
    model::Listing,
};

/// Answers `initialize`.
pub(super) async fn initialize(conversation: &Arc<Conversation>, request: &Request) -> RpcResult {
    let Some(asked) = request.params.text("protocolVersion") else {
        return Err(fault::params("`protocolVersion` must be a string"));
    };
    let (greeting, name) = initialize_result(conversation).await?;
    Ok(convert::as_initialized(&greeting, &asked, &name))
}

/// Answers `server/discover`.
pub(super) async fn discover(conversation: &Arc<Conversation>) -> RpcResult {
    let (greeting, name) = initialize_result(conversation).await?;
    Ok(convert::as_discovered(&greeting, &name))
}

/// The `InitializeResult` for the scope of a client, and the name to use where it has none.
pub(super) async fn initialize_result(
    conversation: &Arc<Conversation>,
) -> Result<(Arc<RawValue>, String), Arc<RawValue>> {
    let (runtime, who) = (&conversation.runtime, &conversation.who);
    match conversation.scope {
        ServerScope::One(server) => {
            let listing = runtime.calls().listing(who, server).await.map_err(fault::of_error)?;
            let listed = runtime.listings().server(who, server).map_err(fault::of_error)?;
            Ok((greeting_of(&listing), listed.name))
        }
        ServerScope::All { .. } => Ok((every_server::initialize_result(conversation).await?, String::new())),
    }
}

/// The greeting of a server; with its lists, where it declares none at all but has some.
fn greeting_of(listing: &Listing) -> Arc<RawValue> {
    if !Capabilities::of(&listing.greeting).declares_no_list() {
        return listing.greeting.clone();
    }
    let has_resources = !listing.resources.is_empty() || !listing.templates.is_empty();
    let lists =
        [("tools", !listing.tools.is_empty()), ("prompts", !listing.prompts.is_empty()), ("resources", has_resources)];
    convert::with_capabilities(&listing.greeting, lists.iter().filter(|(_, has)| *has).map(|(name, _)| *name))
}
