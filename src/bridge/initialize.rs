//! How Ostler introduces a server: by the handshake of the older era, by discovery in the newer one.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{every_server, fault};
use crate::{
    bridge::{Conversation, Outcome, Scope},
    mcp::{Request, convert},
};

/// Answers `initialize`.
pub(super) async fn initialize(conversation: &Arc<Conversation>, request: &Request) -> Outcome {
    let Some(asked) = request.params.text("protocolVersion") else {
        return Err(fault::params("`protocolVersion` must be a string"));
    };
    let (greeting, name) = greeting(conversation).await?;
    Ok(convert::as_initialized(&greeting, &asked, &name))
}

/// Answers `server/discover`.
pub(super) async fn discover(conversation: &Arc<Conversation>) -> Outcome {
    let (greeting, name) = greeting(conversation).await?;
    Ok(convert::as_discovered(&greeting, &name))
}

/// What is said for whatever the client speaks with, and the name it goes by otherwise.
pub(super) async fn greeting(conversation: &Arc<Conversation>) -> Result<(Arc<RawValue>, String), Arc<RawValue>> {
    let (runtime, who) = (&conversation.runtime, &conversation.who);
    match conversation.scope {
        Scope::One(server) => {
            let catalogue = runtime.catalogue(who, server).await.map_err(fault::of_error)?;
            let offer = runtime.offer(who, server).map_err(fault::of_error)?;
            Ok((catalogue.greeting.clone(), offer.name))
        }
        Scope::All { .. } => Ok((every_server::greeting(conversation).await?, String::new())),
    }
}
