//! HTTP+SSE of 2024-11-05: one stream for all that comes, and another address for all that goes.

use std::{rc::Rc, time::Duration};

use awc::{ClientResponse, http::Uri};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::{
    mcp::DroppedLine,
    supervisor::remote::{
        delivery::deliver_event,
        endpoint::{self, Endpoint},
        events::{EventParser, SseEvent},
        failure::{HttpRefusal, RemoteFailure},
        outgoing::Outgoing,
    },
};

/// Time for the server to name the URL for messages.
const ENDPOINT_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the stream after `initialize` was refused, sends it to the URL that the stream names, and reads
/// the stream until it ends: with it, the connection is over.
pub(super) async fn converse(
    endpoint: &Rc<Endpoint>,
    initialize: &Outgoing,
    refusal: HttpRefusal,
    number: u64,
) -> Result<(), RemoteFailure> {
    let refused = || RemoteFailure::Refused(refusal.clone());
    let mut stream = endpoint.get(None).await.map_err(|_| refused())?;
    if !stream.status().is_success() || !endpoint::is_stream(&stream) {
        return Err(refused());
    }
    let mut events = EventParser::sharing(&endpoint.lines);
    let named = timeout(ENDPOINT_TIMEOUT, async {
        loop {
            let event = next(&mut stream, &mut events).await?.ok()?;
            if event.name == "endpoint" && !event.data.is_empty() {
                return Some(event);
            }
        }
    });
    let named = named.await.ok().flatten().ok_or_else(refused)?;
    let message_url = std::str::from_utf8(&named.data).ok().and_then(|message_url| resolve(&endpoint.url, message_url));
    let message_url =
        message_url.ok_or_else(|| RemoteFailure::Broken("it names no place of its own for messages".into()))?;
    *endpoint.message_url.borrow_mut() = Some(message_url);
    let answer = endpoint.post(initialize).await?;
    if !answer.status().is_success() {
        return Err(RemoteFailure::Refused(HttpRefusal::of(&answer)));
    }
    if let Some(id) = initialize.id() {
        endpoint.remove_request(id, number);
    }
    while let Some(event) = next(&mut stream, &mut events).await {
        deliver_event(endpoint, Some(initialize), event).await;
    }
    endpoint.close("its stream of events ended");
    Ok(())
}

async fn next(stream: &mut ClientResponse, events: &mut EventParser) -> Option<Result<SseEvent, DroppedLine>> {
    loop {
        if let Some(event) = events.next_event() {
            return Some(event);
        }
        events.feed(&stream.next().await?.ok()?);
    }
}

/// Resolves a reference at `base`; `None` where it leads to another server.
fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    if reference.starts_with("http://") || reference.starts_with("https://") {
        let found: Uri = reference.parse().ok()?;
        let same = found.scheme() == base.scheme() && found.authority() == base.authority();
        return same.then_some(found);
    }
    if reference.starts_with("//") {
        return None;
    }
    let folder =
        if reference.starts_with('/') { "" } else { base.path().rsplit_once('/').map_or("", |(path, _)| path) };
    let separator = if reference.starts_with('/') { "" } else { "/" };
    format!("{scheme}://{authority}{folder}{separator}{reference}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_to_the_same_server_only() {
        let base = "http://a.example:81/mcp/sse?x=1".parse().unwrap();
        let at = |reference: &str| resolve(&base, reference).map(|uri| uri.to_string());
        assert_eq!(at("/messages?s=1").as_deref(), Some("http://a.example:81/messages?s=1"));
        assert_eq!(at("messages").as_deref(), Some("http://a.example:81/mcp/messages"));
        assert_eq!(at("http://a.example:81/m").as_deref(), Some("http://a.example:81/m"));
        for elsewhere in ["https://a.example:81/m", "http://b.example/m", "//b.example/m", "http://a.example/m"] {
            assert_eq!(at(elsewhere), None, "{elsewhere}");
        }
    }
}
