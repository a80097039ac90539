//! Interest in resources: which server has one, and what it is called there.

use std::sync::{Arc, PoisonError};

use serde_json::value::RawValue;

use super::{aggregate::Together, fault, results::empty};
use crate::{
    bridge::{Conversation, Outcome, Scope},
    mcp::{Members, Request, convert},
    model::ServerId,
    runtime::Watch,
};

/// Resources that one client may watch at once.
pub(super) const MOST: usize = 256;

/// Answers `resources/subscribe`.
pub(super) async fn subscribe(conversation: &Arc<Conversation>, request: &Request) -> Outcome {
    let uri = uri(request)?;
    {
        let watches = conversation.watches.lock().unwrap_or_else(PoisonError::into_inner);
        if watches.contains_key(&uri) {
            return Ok(empty());
        }
        if watches.len() >= MOST {
            return Err(fault::params("this session watches 256 resources already; unsubscribe from one first"));
        }
    }
    let watch = watch(conversation, &uri).await?;
    conversation.watches.lock().unwrap_or_else(PoisonError::into_inner).insert(uri, watch);
    Ok(empty())
}

/// Answers `resources/unsubscribe`.
pub(super) fn unsubscribe(conversation: &Conversation, request: &Request) -> Outcome {
    let uri = uri(request)?;
    conversation.watches.lock().unwrap_or_else(PoisonError::into_inner).remove(&uri);
    Ok(empty())
}

/// Has updates of a resource, known to the client as `uri`, among the news of its server.
pub(super) async fn watch(conversation: &Arc<Conversation>, uri: &str) -> Result<Watch, Arc<RawValue>> {
    let (server, own) = locate(conversation, uri)?.ok_or_else(|| fault::no_resource(conversation.era, uri))?;
    let client = conversation.client();
    let watch = conversation.runtime.watch_resource(&conversation.who, server, &client, &own).await;
    watch.map_err(fault::of_error)?
}

/// The `params` of an update for a client who watches these URIs; `None` where it watches another resource.
pub(super) fn update<'a>(
    conversation: &Conversation,
    server: ServerId,
    own: &str,
    params: &Arc<RawValue>,
    mut watched: impl Iterator<Item = &'a str>,
) -> Option<Arc<RawValue>> {
    let is_it = |asked: &&str| {
        asked.ends_with(own)
            && locate(conversation, asked).ok().flatten().is_some_and(|(one, uri)| one == server && uri == own)
    };
    let asked = watched.find(is_it)?;
    if asked == own {
        return Some(params.clone());
    }
    let mut members = Members::parse(params).ok()?;
    members.set("uri", convert::text(asked));
    Some(Arc::from(members.to_raw()))
}

/// The server that has a resource, and the URI it knows.
fn locate(conversation: &Conversation, uri: &str) -> Result<Option<(ServerId, String)>, Arc<RawValue>> {
    match conversation.scope {
        Scope::One(server) => Ok(Some((server, uri.to_owned()))),
        Scope::All { .. } => {
            let all = Together::of(conversation)?;
            Ok(all.find_resource(uri).map(|(offer, own)| (offer.id, own)))
        }
    }
}

fn uri(request: &Request) -> Result<String, Arc<RawValue>> {
    request.params.text("uri").ok_or_else(|| fault::params("`uri` must be a string"))
}
