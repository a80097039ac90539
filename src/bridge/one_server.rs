//! Requests in the scope of one server.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{fault, relay::relay};
use crate::{
    bridge::{ClientSender, Conversation, RpcResult},
    mcp::{Era, Request, convert},
    model::{Listing, ServerId},
};

/// Relays a request; answers a list from what was listed last while the server is down.
pub(super) async fn answer(
    conversation: &Arc<Conversation>,
    server: ServerId,
    request: Request,
    sender: &ClientSender,
) -> RpcResult {
    let listed = conversation.runtime.listings().server(&conversation.who, server).map_err(fault::of_error)?;
    let last_listing = listed.listing.as_ref().filter(|_| !listed.is_up);
    if let Some(list) = last_listing.and_then(|listing| list_result(&request.method, listing)) {
        let info = listed.listing.as_ref().and_then(|listing| convert::server_info(&listing.greeting));
        return Ok(match conversation.era {
            Era::Legacy => convert::result_to_legacy(&request.method, &list, || true),
            Era::Modern => convert::result_to_modern(&request.method, &list, info.as_ref()),
        });
    }
    relay(conversation, &listed, Arc::new(request), sender).await
}

/// The list that a method asks for, on one page; `None` for any other method.
fn list_result(method: &str, listing: &Listing) -> Option<Arc<RawValue>> {
    let (name, items) = match method {
        "tools/list" => ("tools", &listing.tools),
        "prompts/list" => ("prompts", &listing.prompts),
        "resources/list" => ("resources", &listing.resources),
        "resources/templates/list" => ("resourceTemplates", &listing.templates),
        _ => return None,
    };
    let items: Vec<_> = items.iter().map(|item| item.get()).collect();
    Some(convert::raw(format!("{{\"{name}\":[{}]}}", items.join(","))))
}
