//! `subscriptions/listen`: what a stateless client hears that is about no request of its own.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    fault, initialize,
    list_changes::{Changes, Lists},
    server_events::{Tiding, Tidings},
    subscriptions,
};
use crate::{
    bridge::{Conversation, Outcome, Outlet},
    mcp::{Members, Request, convert},
    runtime::Watch,
    supervisor::messages::News,
};

/// Where every message of a subscription says which it belongs to.
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// What a client wants to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    #[serde(skip_serializing_if = "is_off")]
    tools_list_changed: bool,
    #[serde(skip_serializing_if = "is_off")]
    prompts_list_changed: bool,
    #[serde(skip_serializing_if = "is_off")]
    resources_list_changed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource_subscriptions: Vec<String>,
}

/// Tells the client what happens until it goes away, may listen no longer, or Ostler ends.
pub(super) async fn listen(conversation: &Arc<Conversation>, request: &Request, outlet: &Outlet) -> Outcome {
    let Some(id) = outlet.request() else { return Err(fault::internal("the request has no id")) };
    let wanted = request.params.get("notifications").map(|filter| serde_json::from_str::<Filter>(filter.get()));
    let Some(Ok(wanted)) = wanted else { return Err(fault::params("`notifications` must say what to listen to")) };
    let mut tidings = Tidings::of(conversation)?;
    let (filter, watches) = agree(conversation, wanted).await?;
    let accepted = convert::raw(serde_json::to_string(&filter).unwrap_or_default());
    let mut params = Members::default();
    params.set("notifications", accepted);
    outlet.tell("notifications/subscriptions/acknowledged", Some(&stamped(params, id))).await;
    let mut changes = Changes::among(Lists {
        tools: filter.tools_list_changed,
        prompts: filter.prompts_list_changed,
        resources: filter.resources_list_changed,
    });
    let draining = conversation.runtime.clone().draining();
    tokio::pin!(draining);
    loop {
        let tiding = tokio::select! {
            biased;
            () = &mut draining => break,
            list = changes.due() => {
                outlet.tell(list, Some(&stamped(Members::default(), id))).await;
                continue;
            }
            tiding = tidings.next() => tiding,
        };
        match tiding {
            None => break,
            Some(Tiding::Everything) => changes.note_all(),
            Some(Tiding::Of(_, News::ListChanged(list))) => changes.note(list),
            Some(Tiding::Of(server, News::ResourceUpdated { uri, params })) => {
                let watched = watches.keys().map(String::as_str);
                let params = subscriptions::update(conversation, server, &uri, &params, watched);
                if let Some(Ok(params)) = params.map(|params| Members::parse(&params)) {
                    outlet.tell("notifications/resources/updated", Some(&stamped(params, id))).await;
                }
            }
            // Nothing that can be subscribed to.
            Some(Tiding::Of(_, News::Logged(_) | News::Told { .. })) => {}
        }
    }
    let mut end = Members::default();
    end.set("resultType", convert::text("complete"));
    Ok(stamped(end, id))
}

/// What of it the client will hear of, and what it watches from now on.
async fn agree(
    conversation: &Arc<Conversation>,
    wanted: Filter,
) -> Result<(Filter, BTreeMap<String, Watch>), Arc<RawValue>> {
    let offered = convert::capabilities(&initialize::greeting(conversation).await?.0);
    let can = |list: &str, what: &str| {
        let capability = offered.get(list).and_then(|capability| Members::parse(capability).ok());
        capability.is_some_and(|capability| capability.get(what).is_some_and(|value| value.get() == "true"))
    };
    let mut uris = wanted.resource_subscriptions;
    uris.truncate(if can("resources", "subscribe") { subscriptions::MOST } else { 0 });
    let watches = join_all(uris.iter().map(|uri| subscriptions::watch(conversation, uri))).await;
    let watches = uris.into_iter().zip(watches).filter_map(|(uri, watch)| Some((uri, watch.ok()?)));
    let watches: BTreeMap<_, _> = watches.collect();
    let filter = Filter {
        tools_list_changed: wanted.tools_list_changed && can("tools", "listChanged"),
        prompts_list_changed: wanted.prompts_list_changed && can("prompts", "listChanged"),
        resources_list_changed: wanted.resources_list_changed && can("resources", "listChanged"),
        resource_subscriptions: watches.keys().cloned().collect(),
    };
    Ok((filter, watches))
}

/// An object that says to which subscription it belongs.
fn stamped(mut members: Members, id: &Arc<RawValue>) -> Arc<RawValue> {
    let mut meta = members.get("_meta").and_then(|meta| Members::parse(meta).ok()).unwrap_or_default();
    meta.set(SUBSCRIPTION_ID, id.clone());
    members.set("_meta", Arc::from(meta.to_raw()));
    Arc::from(members.to_raw())
}

fn is_off(wanted: &bool) -> bool {
    !wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_says_to_which_subscription_it_belongs() {
        let id = convert::raw("\"a-1\"".into());
        let said = stamped(Members::parse(&convert::raw(r#"{"uri":"a","_meta":{"v":1}}"#.into())).unwrap(), &id);
        assert_eq!(said.get(), r#"{"uri":"a","_meta":{"v":1,"io.modelcontextprotocol/subscriptionId":"a-1"}}"#);
    }

    #[test]
    fn what_is_not_wanted_is_not_agreed_to_either() {
        let filter: Filter = serde_json::from_str(r#"{"toolsListChanged":true,"taskIds":["t"]}"#).unwrap();
        assert_eq!(serde_json::to_string(&filter).unwrap(), r#"{"toolsListChanged":true}"#);
    }
}
