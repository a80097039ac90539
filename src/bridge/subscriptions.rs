//! Resource subscriptions: the server that has a resource, and its URI there.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::value::RawValue;

use super::{aggregate::AggregatedLists, fault, results::empty};
use crate::{
    bridge::{Conversation, RpcResult, ServerScope},
    calls::ResourceSubscription,
    mcp::{Members, Request, convert},
    model::ServerId,
};

/// Subscriptions of one client: each is a subscription at a server as well.
pub(super) const SUBSCRIPTIONS_PER_CLIENT_MAX: usize = 256;

/// Answers `resources/subscribe`.
pub(super) async fn subscribe(conversation: &Arc<Conversation>, request: &Request) -> RpcResult {
    let uri = uri(request)?;
    {
        let watches = conversation.watches.lock();
        let known = watches.get(&uri);
        if known.is_some_and(Option::is_some) {
            return Ok(empty());
        }
        if known.is_none() && watches.len() >= SUBSCRIPTIONS_PER_CLIENT_MAX {
            return Err(fault::params("this session watches 256 resources already; unsubscribe from one first"));
        }
    }
    let watch = subscribe_at_server(conversation, &uri).await?;
    conversation.watches.lock().insert(uri, Some(watch));
    Ok(empty())
}

/// Answers `resources/unsubscribe`.
pub(super) fn unsubscribe(conversation: &Conversation, request: &Request) -> RpcResult {
    let uri = uri(request)?;
    conversation.watches.lock().remove(&uri);
    Ok(empty())
}

/// Subscribes at the servers to what a session was subscribed to when it was taken up again. One that cannot be had now
/// stays the session's: its server may come back, and the next time the session is taken up it is tried again.
pub(crate) async fn resume_subscriptions(conversation: Arc<Conversation>) {
    let uris: Vec<_> = {
        let watches = conversation.watches.lock();
        watches.iter().filter(|(_, watch)| watch.is_none()).map(|(uri, _)| uri.clone()).collect()
    };
    // At once: a server that keeps the session waiting for its answer delays no other.
    join_all(uris.iter().map(async |uri| match subscribe_at_server(&conversation, uri).await {
        Ok(watch) => {
            // Gone where the client unsubscribed meanwhile, or the session ended.
            if let Some(pending) = conversation.watches.lock().get_mut(uri) {
                *pending = Some(watch);
            }
        }
        Err(_) => log::debug!("a session that was taken up again could not subscribe to a resource"),
    }))
    .await;
}

/// Subscribes to a resource at its server; `uri` is the client's name for it.
pub(super) async fn subscribe_at_server(
    conversation: &Arc<Conversation>,
    uri: &str,
) -> Result<ResourceSubscription, Arc<RawValue>> {
    let (server, original) = locate(conversation, uri)?.ok_or_else(|| fault::no_resource(conversation.era, uri))?;
    let client = conversation.client();
    let watch = conversation.runtime.calls().subscribe(&conversation.who, server, &client, &original).await;
    watch.map_err(fault::of_error)?
}

/// The `params` of an update, under the URI that the client subscribed to; `None` where it did not subscribe to this
/// one.
pub(super) fn update<'a>(
    conversation: &Conversation,
    server: ServerId,
    original: &str,
    params: &Arc<RawValue>,
    mut subscribed: impl Iterator<Item = &'a str>,
) -> Option<Arc<RawValue>> {
    let is_it = |subscribed_uri: &&str| {
        subscribed_uri.ends_with(original)
            && locate(conversation, subscribed_uri)
                .ok()
                .flatten()
                .is_some_and(|(one, uri)| one == server && uri == original)
    };
    let subscribed_uri = subscribed.find(is_it)?;
    if subscribed_uri == original {
        return Some(params.clone());
    }
    let mut members = Members::parse(params).ok()?;
    members.set("uri", convert::text(subscribed_uri));
    Some(Arc::from(members.to_raw()))
}

/// The server that has a resource, and its URI there.
fn locate(conversation: &Conversation, uri: &str) -> Result<Option<(ServerId, String)>, Arc<RawValue>> {
    match conversation.scope {
        ServerScope::One(server) => Ok(Some((server, uri.to_owned()))),
        ServerScope::All { .. } => {
            let all = AggregatedLists::current(conversation)?;
            Ok(all.find_resource(uri).map(|(listed, original)| (listed.id, original)))
        }
    }
}

fn uri(request: &Request) -> Result<String, Arc<RawValue>> {
    request.params.text("uri").ok_or_else(|| fault::params("`uri` must be a string"))
}
