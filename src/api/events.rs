//! The live event stream.

use actix_web::{HttpRequest, HttpResponse, http::Method};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::{
    events::LiveEvent,
    web::{HandlerResult, authenticate::Caller, event_stream, problem::Problem},
};

/// Watch what happens
///
/// Server-sent events about what the caller may see. Each has an `id`; `Last-Event-ID` resumes after it, as far as
/// events are kept (the newest 1024, at most 1 MiB of them).
///
/// | event | data |
/// |---|---|
/// | `server` | `id`, `name`, `change`, `healthStatus`, `runtimeStatus` (`null` where it is gone) |
/// | `exit` | `serverId`, `report`: a process ended without having been stopped |
/// | `restart` | `serverId`, `attempt`: a server is started again after so many failures in a row |
/// | `gave-up` | `serverId`, `reason`: a server is left down |
/// | `tools` | `serverId`, `waiting`: so many tools of a server wait to be accepted |
/// | `call` | `id`, `serverId`, `toolName`, `userId`, `success`, `errorMessage`, `executionTime`, `createdAt` |
/// | `calls` | `serverId`, `count`, `errors`, `sinceMs`: calls past 20 a second, summed up over so many milliseconds |
/// | `gateway` | `service`, `change`, `instance` and `healthy` where the change is about them |
/// | `gap` | `missed`: events are missing here, so many where that is known and may be said, else `null` |
///
/// The `change` of `server` is `created`, `updated`, `deleted` or `state`; of `gateway` it is `registered`, `removed`,
/// `instance` or `health`, the last two with `instance`, `health` also with `healthy`. An `errorMessage` is cut short.
///
/// Events of other users' servers are left out, unless they are shared with the caller or the caller holds
/// `mcp:manage`; of servers that the caller may not read, only states and the caller's own calls are sent. `gateway`
/// needs `gateway:read`. A reader that is too slow gets a `gap`.
#[utoipa::path(get, path = "/api/events", tag = "live",
    params(("Last-Event-ID" = Option<String>, Header, description = "Send what came after this event")),
    responses((status = 200, description = "The events; the data of each is one of these", body = LiveEvent,
        content_type = "text/event-stream")),
    security(("bearer" = [])))]
pub(crate) async fn watch(request: HttpRequest, caller: Caller) -> HandlerResult {
    if request.method() == Method::HEAD {
        return Ok(HttpResponse::Ok().content_type(event_stream::CONTENT_TYPE).finish());
    }
    let after = last_seen(&request)?;
    let (begin, items) = caller.runtime.events().subscribe(&caller.who, after);
    // An id without data is no event; it has who is cut off before the first one resume here.
    let begin = stream::iter([Bytes::from(format!("id: {begin}\n\n"))]);
    let events = items.map(|item| {
        let data = serde_json::to_string(&item.event).unwrap_or_default();
        event_stream::event(Some(item.event.name()), item.id.as_deref(), &data)
    });
    Ok(event_stream::respond(begin.chain(events)))
}

fn last_seen(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let Some(value) = request.headers().get("last-event-id") else { return Ok(None) };
    let seen = value.to_str().ok().map(str::trim);
    seen.map(Some).ok_or_else(|| Problem::malformed("the last-event-id header must be the id of an event"))
}
