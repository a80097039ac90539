//! `subscriptions/listen`: messages to a stateless client that relate to no other request.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{
    fault, initialize,
    list_changes::{ListChanges, ListKinds},
    server_events::{ScopeEvent, ScopeEvents},
    subscriptions,
};
use crate::{
    bridge::{ClientSender, Conversation, RpcResult},
    calls::ResourceSubscription,
    mcp::{Members, Request, convert},
    model::from_json,
    supervisor::messages::ServerEvent,
};

/// The member of `_meta` that relates a message to its subscription.
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// The notifications that a client subscribes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_off")]
    tools_list_changed: bool,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_off")]
    prompts_list_changed: bool,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_off")]
    resources_list_changed: bool,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    resource_subscriptions: Vec<String>,
}

/// Forwards notifications until the client disconnects, may listen no longer, or Ostler shuts down.
pub(super) async fn listen(conversation: &Arc<Conversation>, request: &Request, sender: &ClientSender) -> RpcResult {
    let Some(id) = sender.related_request() else { return Err(fault::internal("the request has no id")) };
    let requested = request.params.get("notifications").map(|filter| from_json::<Filter>(filter.get()));
    let Some(Ok(requested)) = requested else {
        return Err(fault::params("`notifications` must say what to listen to"));
    };
    let mut events = ScopeEvents::subscribe(conversation)?;
    let (filter, watches) = supported_part(conversation, requested).await?;
    let accepted = convert::raw(serde_json::to_string(&filter).unwrap_or_default());
    let mut params = Members::default();
    params.set("notifications", accepted);
    sender.notify("notifications/subscriptions/acknowledged", Some(&with_subscription_id(params, id))).await;
    let mut changes = ListChanges::within(ListKinds {
        tools: filter.tools_list_changed,
        prompts: filter.prompts_list_changed,
        resources: filter.resources_list_changed,
    });
    let draining = conversation.runtime.draining();
    tokio::pin!(draining);
    loop {
        let event = tokio::select! {
            biased;
            () = &mut draining => break,
            list = changes.next_due() => {
                sender.notify(list, Some(&with_subscription_id(Members::default(), id))).await;
                continue;
            }
            event = events.next() => event.map_err(fault::of_error)?,
        };
        match event {
            ScopeEvent::AnyListChanged => changes.record_all(),
            ScopeEvent::OfServer(_, ServerEvent::ListChanged(list)) => changes.record(list),
            ScopeEvent::OfServer(server, ServerEvent::ResourceUpdated { uri, params }) => {
                let watched = watches.keys().map(String::as_str);
                let params = subscriptions::update(conversation, server, &uri, &params, watched);
                if let Some(Ok(params)) = params.map(|params| Members::parse(&params)) {
                    sender.notify("notifications/resources/updated", Some(&with_subscription_id(params, id))).await;
                }
            }
            // Nothing that can be subscribed to.
            ScopeEvent::OfServer(_, ServerEvent::Logged(_) | ServerEvent::Notification { .. }) => {}
        }
    }
    let mut end = Members::default();
    end.set("resultType", convert::text("complete"));
    Ok(with_subscription_id(end, id))
}

/// The part of the filter that the servers support, and the resource subscriptions it starts.
async fn supported_part(
    conversation: &Arc<Conversation>,
    requested: Filter,
) -> Result<(Filter, BTreeMap<String, ResourceSubscription>), Arc<RawValue>> {
    let offered = convert::capabilities(&initialize::initialize_result(conversation).await?.0);
    let supports = |list: &str, what: &str| {
        let capability = offered.get(list).and_then(|capability| Members::parse(capability).ok());
        capability.is_some_and(|capability| capability.get(what).is_some_and(|value| value.get() == "true"))
    };
    let mut uris = requested.resource_subscriptions;
    uris.truncate(if supports("resources", "subscribe") { subscriptions::SUBSCRIPTIONS_PER_CLIENT_MAX } else { 0 });
    let watches = join_all(uris.iter().map(|uri| subscriptions::subscribe_at_server(conversation, uri))).await;
    let watches = uris.into_iter().zip(watches).filter_map(|(uri, watch)| Some((uri, watch.ok()?)));
    let watches: BTreeMap<_, _> = watches.collect();
    let filter = Filter {
        tools_list_changed: requested.tools_list_changed && supports("tools", "listChanged"),
        prompts_list_changed: requested.prompts_list_changed && supports("prompts", "listChanged"),
        resources_list_changed: requested.resources_list_changed && supports("resources", "listChanged"),
        resource_subscriptions: watches.keys().cloned().collect(),
    };
    Ok((filter, watches))
}

/// Adds the subscription's id to an object.
fn with_subscription_id(mut members: Members, id: &Arc<RawValue>) -> Arc<RawValue> {
    let mut meta = members.get("_meta").and_then(|meta| Members::parse(meta).ok()).unwrap_or_default();
    meta.set(SUBSCRIPTION_ID, id.clone());
    members.set("_meta", Arc::from(meta.to_raw()));
    Arc::from(members.to_raw())
}

/// Takes `null` as left out.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn is_off(requested: &bool) -> bool {
    !requested
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_says_to_which_subscription_it_belongs() {
        let id = convert::raw("\"a-1\"".into());
        let said =
            with_subscription_id(Members::parse(&convert::raw(r#"{"uri":"a","_meta":{"v":1}}"#.into())).unwrap(), &id);
        assert_eq!(said.get(), r#"{"uri":"a","_meta":{"v":1,"io.modelcontextprotocol/subscriptionId":"a-1"}}"#);
    }

    #[test]
    fn what_is_not_wanted_is_not_agreed_to_either() {
        let filter: Filter =
            serde_json::from_str(r#"{"toolsListChanged":true,"promptsListChanged":null,"taskIds":["t"]}"#).unwrap();
        assert_eq!(serde_json::to_string(&filter).unwrap(), r#"{"toolsListChanged":true}"#);
    }
}
