//! Facts about a server, taken from its answers.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    mcp::{Initialized, Members, ParamHeader},
    model::from_json,
    supervisor::remote::{endpoint::Endpoint, line::on_one_line, outgoing::Outgoing},
};

/// Tools whose wishes for the head are remembered.
const TOOLS_MAX: usize = 10_000;

/// Takes note of what an answer states about the server; the answer as a line, and notes about it.
pub(super) fn inspect(endpoint: &Endpoint, message: &Outgoing, data: &[u8]) -> (Bytes, Vec<String>) {
    #[derive(Deserialize)]
    struct ResultMember<'a> {
        #[serde(borrow)]
        result: &'a RawValue,
    }
    let result = || from_json::<ResultMember<'_>>(data).ok().map(|answer| answer.result);
    match message.method.as_str() {
        "initialize" => {
            let greeting = result().and_then(|result| from_json::<Initialized>(result.get()).ok());
            *endpoint.version.borrow_mut() = greeting.map(|greeting| greeting.protocol_version);
        }
        "tools/list" if message.modern.is_some() => {
            let filtered = result().and_then(|result| filter_tools(endpoint, result));
            if let Some((result, notes)) = filtered {
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

/// Remembers the headers that tools want. Where some ask for impossible ones: the list without these tools, and a note
/// on each.
fn filter_tools(endpoint: &Endpoint, result: &RawValue) -> Option<(Box<RawValue>, Vec<String>)> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let mut members = Members::parse(result).ok()?;
    let tools: Vec<&RawValue> = serde_json::from_str(members.get("tools")?.get()).ok()?;
    let mut params = endpoint.params.borrow_mut();
    let (mut valid, mut notes) = (Vec::new(), Vec::new());
    for tool in tools {
        let name = from_json(tool.get()).map_or_else(|_| String::new(), |Named { name }| name);
        match ParamHeader::of_tool(tool) {
            Ok(headers) if headers.is_empty() => drop(params.remove(&name)),
            Ok(headers) if params.len() < TOOLS_MAX => drop(params.insert(name, headers.into())),
            Ok(_) => {}
            Err(why) => {
                notes.push(format!("the tool {name} is left out: {why}"));
                continue;
            }
        }
        valid.push(tool.get());
    }
    if notes.is_empty() {
        return None;
    }
    let tools = RawValue::from_string(format!("[{}]", valid.join(","))).ok()?;
    members.set("tools", tools.into());
    Some((members.to_raw(), notes))
}
