//! The stream of what is no answer, and what is learned from answers.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::sleep;

use crate::{
    mcp::{Initialized, Members, ParamHeader},
    supervisor::remote::{
        endpoint::{self, Endpoint},
        events::Events,
        outgoing::Outgoing,
        post::{on_one_line, pass_on},
    },
};

/// How long to wait before a stream is opened again, where the server does not say.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest such wait, whatever it says.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Tools whose wishes for the head are remembered.
const MOST_TOOLS: usize = 10_000;

/// Keeps the stream of server-initiated messages open, for as long as the server offers one.
pub(super) async fn listen(endpoint: Rc<Endpoint>) {
    let (mut events, mut attempt) = (Events::sharing(&endpoint.lines), 0);
    loop {
        match endpoint.get(events.last_id.as_deref()).await {
            Ok(mut answer) if answer.status().is_success() && endpoint::is_stream(&answer) => {
                while let Some(Ok(piece)) = answer.next().await {
                    events.feed(&piece);
                    while let Some(event) = events.next_event() {
                        attempt = 0;
                        pass_on(&endpoint, None, event).await;
                    }
                }
            }
            Ok(answer) if answer.status().is_server_error() || answer.status().as_u16() == 429 => {}
            // It offers none. A session that is gone shows in the next request.
            Ok(_) => return,
            Err(_) => {}
        }
        events.reopened();
        sleep(pause(events.retry, attempt)).await;
        attempt = attempt.saturating_add(1);
    }
}

/// How long to wait before trying the how-manieth time in a row.
pub(super) fn pause(retry: Option<Duration>, attempt: u32) -> Duration {
    retry.unwrap_or(PAUSE).saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST_PAUSE)
}

/// Takes note of what an answer tells about the server; the answer as a line, and what to say about it.
pub(super) fn learn(endpoint: &Endpoint, message: &Outgoing, data: &[u8]) -> (Bytes, Vec<String>) {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        result: &'a RawValue,
    }
    let result = || serde_json::from_slice::<Answer<'_>>(data).ok().map(|answer| answer.result);
    match message.method.as_str() {
        "initialize" => {
            let greeting = result().and_then(|result| serde_json::from_str::<Initialized>(result.get()).ok());
            *endpoint.version.borrow_mut() = greeting.map(|greeting| greeting.protocol_version);
        }
        "tools/list" if message.modern.is_some() => {
            let sorted = result().and_then(|result| sort_tools(endpoint, result));
            if let Some((result, notes)) = sorted {
                let line = Members::from_slice(data).map(|mut members| {
                    members.set("result", result.into());
                    Bytes::from(members.to_string())
                });
                return (line.unwrap_or_else(|_| on_one_line(data)), notes);
            }
        }
        _ => {}
    }
    (on_one_line(data), Vec::new())
}

/// Remembers what tools want in the head. Where some ask for what cannot be, the list without them, and which those are.
fn sort_tools(endpoint: &Endpoint, result: &RawValue) -> Option<(Box<RawValue>, Vec<String>)> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let mut members = Members::parse(result).ok()?;
    let tools: Vec<&RawValue> = serde_json::from_str(members.get("tools")?.get()).ok()?;
    let mut params = endpoint.params.borrow_mut();
    let (mut kept, mut notes) = (Vec::new(), Vec::new());
    for tool in tools {
        let name = serde_json::from_str(tool.get()).map_or_else(|_| String::new(), |Named { name }| name);
        match ParamHeader::of_tool(tool) {
            Ok(headers) if headers.is_empty() => drop(params.remove(&name)),
            Ok(headers) if params.len() < MOST_TOOLS => drop(params.insert(name, headers.into())),
            Ok(_) => {}
            Err(why) => {
                notes.push(format!("the tool {name} is left out: {why}"));
                continue;
            }
        }
        kept.push(tool.get());
    }
    if notes.is_empty() {
        return None;
    }
    let tools = RawValue::from_string(format!("[{}]", kept.join(","))).ok()?;
    members.set("tools", tools.into());
    Some((members.to_raw(), notes))
}
