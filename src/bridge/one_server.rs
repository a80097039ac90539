//! Requests in the scope of one server.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{fault, relay::relay};
use crate::{
    bridge::{ClientSender, Conversation, RpcResult},
    mcp::{Era, Request, convert},
    model::{Catalogue, ServerId},
};

/// Relays a request; answers a list from what was listed last while the server is down.
pub(super) async fn answer(
    conversation: &Arc<Conversation>,
    server: ServerId,
    request: Request,
    sender: &ClientSender,
) -> RpcResult {
    let offer = conversation.runtime.offer(&conversation.who, server).map_err(fault::of_error)?;
    let listed_last = offer.catalogue.as_ref().filter(|_| !offer.is_up);
    if let Some(list) = listed_last.and_then(|catalogue| listed(&request.method, catalogue)) {
        let info = offer.catalogue.as_ref().and_then(|catalogue| convert::server_info(&catalogue.greeting));
        return Ok(match conversation.era {
            Era::Legacy => convert::result_to_legacy(&request.method, &list, || true),
            Era::Modern => convert::result_to_modern(&request.method, &list, info.as_ref()),
        });
    }
    relay(conversation, &offer, Arc::new(request), sender).await
}

/// The list that a method asks for, on one page; `None` for any other method.
fn listed(method: &str, catalogue: &Catalogue) -> Option<Arc<RawValue>> {
    let (name, items) = match method {
        "tools/list" => ("tools", &catalogue.tools),
        "prompts/list" => ("prompts", &catalogue.prompts),
        "resources/list" => ("resources", &catalogue.resources),
        "resources/templates/list" => ("resourceTemplates", &catalogue.templates),
        _ => return None,
    };
    let items: Vec<_> = items.iter().map(|item| item.get()).collect();
    Some(convert::raw(format!("{{\"{name}\":[{}]}}", items.join(","))))
}
