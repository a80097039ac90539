//! Converts messages of one era to the other. Pure; whatever the rules of neither era are about is left unchanged.

mod error;
mod greeting;
mod input;
mod items;
mod result;
mod shape;
mod uris;

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::mcp::Members;

pub use error::{code, to_modern as error_to_modern, url_elicitations};
pub use greeting::{
    as_discovered, as_initialized, capabilities, extensions, instructions, is_modern, negotiated, server_info,
    with_capabilities,
};
pub use input::{Demand, InputRequired, Question, parse_responses, required, without_elicitation_id};
pub use result::{to_legacy as result_to_legacy, to_modern as result_to_modern};
pub use shape::{has_object_output, name_properties};
pub use uris::{pages, rename_page, with_renamed_resources};

/// Member of `_meta` in which modern results name their server.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// The `name` of a tool or a prompt.
#[must_use]
pub fn name(item: &RawValue) -> Option<String> {
    member(item, "name")
}

/// A member of an object that is a string.
#[must_use]
pub fn member(object: &RawValue, name: &str) -> Option<String> {
    Members::parse(object).ok()?.text(name)
}

/// Text that is known to be valid JSON; `null` where it is not.
#[must_use]
pub fn raw(json: String) -> Arc<RawValue> {
    Arc::from(RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned()))
}

/// A string as JSON.
#[must_use]
pub fn text(text: &str) -> Arc<RawValue> {
    raw(serde_json::Value::from(text).to_string())
}
