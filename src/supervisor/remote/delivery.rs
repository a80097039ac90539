//! Delivery of what a remote server sends.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    mcp::{DroppedLine, Frame},
    model::from_json,
    supervisor::remote::{
        endpoint::Endpoint, events::SseEvent, inspection, line::on_one_line, outgoing::Outgoing,
        remote_event::RemoteEvent,
    },
};

/// Passes on a message; whether it answers the one given.
pub(super) async fn deliver(endpoint: &Endpoint, message: Option<&Outgoing>, data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct IncomingHead<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
        #[serde(borrow)]
        method: Option<&'a RawValue>,
    }
    let envelope: Option<IncomingHead<'_>> = from_json(data).ok();
    let response_id = envelope.filter(|envelope| envelope.method.is_none()).and_then(|envelope| envelope.id);
    let request =
        message.filter(|message| response_id.zip(message.id()).is_some_and(|(id, request_id)| is_same(id, request_id)));
    let line = match request {
        Some(message) => {
            let (line, notes) = inspection::inspect(endpoint, message, data);
            for note in notes {
                endpoint.emit(RemoteEvent::Note(note)).await;
            }
            line
        }
        None => on_one_line(data),
    };
    endpoint.emit(RemoteEvent::Frame(Frame::Line(line))).await;
    request.is_some()
}

/// Passes on an event; whether it answers the message given.
pub(super) async fn deliver_event(
    endpoint: &Endpoint,
    message: Option<&Outgoing>,
    event: Result<SseEvent, DroppedLine>,
) -> bool {
    match event {
        Ok(event) => !event.data.is_empty() && deliver(endpoint, message, &event.data).await,
        Err(dropped) => {
            endpoint.emit(RemoteEvent::Frame(dropped.into())).await;
            false
        }
    }
}

fn is_same(a: &RawValue, b: &RawValue) -> bool {
    let value = |raw: &RawValue| serde_json::from_str::<serde_json::Value>(raw.get()).ok();
    a.get() == b.get() || value(a).is_some_and(|a| Some(a) == value(b))
}
