//! A line on its way to a remote server, read as far as HTTP needs to know it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::mcp::{ClientMethod, NameParam, ParamHeader, header_value};

/// Kind of a message.
#[derive(Debug)]
pub(super) enum MessageKind {
    /// A request; its id as it was written.
    Request(Box<RawValue>),
    /// `notifications/cancelled`; the id of the request it is about.
    Cancelled(Option<Box<RawValue>>),
    /// Any other notification.
    Notification,
    /// An answer to a request of the server.
    Answer,
}

/// A line, and what stands in the head of the request that carries it.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub kind: MessageKind,
    /// Empty for an answer.
    pub method: String,
    /// The revision it names in `_meta`, which only the stateless era does.
    pub modern: Option<String>,
    /// For `Mcp-Name`.
    pub name: Option<String>,
    /// The arguments of a `tools/call`.
    arguments: Option<Box<RawValue>>,
    pub line: Bytes,
}

#[derive(Deserialize)]
struct OutgoingEnvelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutgoingParams<'a> {
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    uri: Option<&'a RawValue>,
    #[serde(borrow)]
    task_id: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OutgoingMeta {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<String>,
}

impl Outgoing {
    /// Reads a line; `None` where it is no JSON object.
    pub(super) fn read(line: Bytes) -> Option<Self> {
        let envelope: OutgoingEnvelope<'_> = serde_json::from_slice(&line).ok()?;
        let method = envelope.method.map(Cow::into_owned).unwrap_or_default();
        let params = envelope.params.and_then(|params| serde_json::from_str::<OutgoingParams<'_>>(params.get()).ok());
        let params = params.unwrap_or_default();
        let kind = match (envelope.id, method.as_str()) {
            (_, "") => MessageKind::Answer,
            (Some(id), _) => MessageKind::Request(id.to_owned()),
            (None, "notifications/cancelled") => MessageKind::Cancelled(params.request_id.map(ToOwned::to_owned)),
            (None, _) => MessageKind::Notification,
        };
        let meta = params.meta.and_then(|meta| serde_json::from_str::<OutgoingMeta>(meta.get()).ok());
        let name = match ClientMethod::find(&method).and_then(|known| known.name_param) {
            Some(NameParam::Name) => params.name,
            Some(NameParam::Uri) => params.uri,
            Some(NameParam::TaskId) => params.task_id,
            None => None,
        };
        Some(Self {
            name: name.and_then(|name| serde_json::from_str(name.get()).ok()),
            arguments: params.arguments.filter(|_| method == "tools/call").map(ToOwned::to_owned),
            modern: meta.and_then(|meta| meta.version),
            kind,
            method,
            line,
        })
    }

    /// The id, where it is a request.
    pub(super) fn id(&self) -> Option<&RawValue> {
        match &self.kind {
            MessageKind::Request(id) => Some(id),
            MessageKind::Cancelled(_) | MessageKind::Notification | MessageKind::Answer => None,
        }
    }

    /// The headers of the stateless era that repeat the body; `params` are those that the tool's schema asks for.
    pub(super) fn headers_from_body(&self, params: &[ParamHeader]) -> Vec<(String, String)> {
        let Some(version) = &self.modern else { return Vec::new() };
        let mut headers = vec![("MCP-Protocol-Version".to_owned(), version.clone())];
        if !self.method.is_empty() {
            headers.push(("Mcp-Method".to_owned(), header_value(&self.method)));
        }
        headers.extend(self.name.as_deref().map(|name| ("Mcp-Name".to_owned(), header_value(name))));
        for param in params {
            let value = self.arguments.as_deref().and_then(|arguments| param.value(arguments));
            headers.extend(value.map(|value| (param.name.clone(), value)));
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &'static str) -> Outgoing {
        Outgoing::read(Bytes::from_static(line.as_bytes())).unwrap()
    }

    #[test]
    fn the_head_repeats_what_the_body_says() {
        let call = read(
            r#"{"jsonrpc":"2.0","id":"a","method":"tools\/call","params":{"name":"é","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
        );
        assert_eq!(call.id().map(RawValue::get), Some("\"a\""));
        let expected =
            [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?w6k=?=")];
        assert_eq!(call.headers_from_body(&[]), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(
            read(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#)
                .headers_from_body(&[])
                .is_empty()
        );
    }

    #[test]
    fn kinds_are_recognized() {
        let cancelled = read(r#"{"method":"notifications/cancelled","params":{"requestId":7}}"#);
        assert!(matches!(cancelled.kind, MessageKind::Cancelled(Some(id)) if id.get() == "7"));
        assert!(matches!(read(r#"{"id":1,"result":{}}"#).kind, MessageKind::Answer));
        assert!(matches!(read(r#"{"method":"notifications/initialized"}"#).kind, MessageKind::Notification));
        assert!(Outgoing::read(Bytes::from_static(b"hello")).is_none());
    }
}
