//! Delivery of what a remote server sends.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    mcp::{DroppedLine, Frame},
    supervisor::remote::{
        endpoint::Endpoint, events::Event, heard::Heard, inspection, line::on_one_line, outgoing::Outgoing,
    },
};

/// Passes on a message; whether it answers the one given.
pub(super) async fn deliver(endpoint: &Endpoint, message: Option<&Outgoing>, data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
        #[serde(borrow)]
        method: Option<&'a RawValue>,
    }
    let envelope: Option<Envelope<'_>> = serde_json::from_slice(data).ok();
    let answered = envelope.filter(|envelope| envelope.method.is_none()).and_then(|envelope| envelope.id);
    let asked =
        message.filter(|message| answered.zip(message.id()).is_some_and(|(ours, theirs)| is_same(ours, theirs)));
    let line = match asked {
        Some(message) => {
            let (line, notes) = inspection::learn(endpoint, message, data);
            for note in notes {
                endpoint.tell(Heard::Said(note)).await;
            }
            line
        }
        None => on_one_line(data),
    };
    endpoint.tell(Heard::Frame(Frame::Line(line))).await;
    asked.is_some()
}

/// Passes on an event; whether it answers the message given.
pub(super) async fn pass_on(
    endpoint: &Endpoint,
    message: Option<&Outgoing>,
    event: Result<Event, DroppedLine>,
) -> bool {
    match event {
        Ok(event) => !event.data.is_empty() && deliver(endpoint, message, &event.data).await,
        Err(dropped) => {
            endpoint.tell(Heard::Frame(dropped.into())).await;
            false
        }
    }
}

fn is_same(a: &RawValue, b: &RawValue) -> bool {
    let value = |raw: &RawValue| serde_json::from_str::<serde_json::Value>(raw.get()).ok();
    a.get() == b.get() || value(a).is_some_and(|a| Some(a) == value(b))
}
