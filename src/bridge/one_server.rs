//! One server, as it is.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{fault, relay::relay};
use crate::{
    bridge::{Conversation, Outcome, Outlet},
    mcp::{Era, Request, convert},
    model::{Catalogue, ServerId},
};

/// Answers a request to a server, with what it listed last where it is asked for a list and cannot answer now.
pub(super) async fn answer(
    conversation: &Arc<Conversation>,
    server: ServerId,
    request: Request,
    outlet: &Outlet,
) -> Outcome {
    let offer = conversation.runtime.offer(&conversation.who, server).map_err(fault::of_error)?;
    let kept = offer.catalogue.as_ref().filter(|_| !offer.is_up);
    if let Some(list) = kept.and_then(|catalogue| listed(&request.method, catalogue)) {
        let info = offer.catalogue.as_ref().and_then(|catalogue| convert::server_info(&catalogue.greeting));
        return Ok(match conversation.era {
            Era::Legacy => convert::result_to_legacy(&request.method, &list, || true),
            Era::Modern => convert::result_to_modern(&request.method, &list, info.as_ref()),
        });
    }
    relay(conversation, &offer, Arc::new(request), outlet).await
}

/// The list that a method asks for, on one page; `None` where it asks for something else.
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
