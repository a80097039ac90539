//! [`JsonRpcId`]: the id of a JSON-RPC request.

use std::{fmt, sync::Arc};

use serde_json::value::RawValue;

use crate::mcp;

/// The id of a client's request: a string or a whole number, as the client wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct JsonRpcId(Arc<str>);

impl JsonRpcId {
    /// Reads an id; `None` where it is neither a string nor a whole number (basic, "Requests").
    pub(super) fn parse(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        (is_whole || text.starts_with('"')).then(|| Self(text.into()))
    }

    /// The id as it was read.
    pub(super) fn to_raw(&self) -> Arc<RawValue> {
        mcp::convert::raw(self.0.to_string())
    }

    /// The number, where it is one of those we ask with.
    pub(super) fn number(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl fmt::Display for JsonRpcId {
    /// The id as JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
