//! Results of Ostler's own, in the form of the client's era.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::{
    bridge::Conversation,
    mcp::{Era, convert},
};

/// Ostler's name and version, as `serverInfo`.
pub(super) const SERVER_INFO: &str = concat!(r#"{"name":"ostler","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// The empty result.
pub(super) fn empty() -> Arc<RawValue> {
    convert::raw("{}".to_owned())
}

/// A list on one page, in the form of the client's era.
pub(super) fn list(conversation: &Conversation, method: &str, name: &str, items: &[Arc<RawValue>]) -> Arc<RawValue> {
    let items: Vec<_> = items.iter().map(|item| item.get()).collect();
    in_era(conversation, method, &convert::raw(format!("{{\"{name}\":[{}]}}", items.join(","))))
}

/// A result of Ostler's own, in the form of the client's era.
pub(super) fn in_era(conversation: &Conversation, method: &str, result: &Arc<RawValue>) -> Arc<RawValue> {
    match conversation.era {
        Era::Legacy => convert::result_to_legacy(method, result, || true),
        Era::Modern => convert::result_to_modern(method, result, Some(&convert::raw(SERVER_INFO.to_owned()))),
    }
}
