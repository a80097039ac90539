//! Classifies a POST by era, and validates a modern one (2026-07-28; the order of checks is the reference SDK's).

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{
    json_rpc_id::JsonRpcId,
    message::{ClientMessage, PostBody},
    refusal::MessageRefusal,
};
use crate::mcp::{ClientMethod, Era, LATEST_LEGACY, MODERN, Request};

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META_CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
const META_LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// The declarations of a client in a modern request's `_meta`.
#[derive(Debug)]
pub(super) struct RequestMeta {
    /// The revision it speaks, whether we do or not.
    pub version: String,
    /// Its capabilities.
    pub capabilities: Arc<RawValue>,
    /// Its name and version.
    pub info: Option<Arc<RawValue>>,
    /// The least severe log messages it wants.
    pub log_level: Option<String>,
}

/// The era of a body that came with this `MCP-Protocol-Version`. The body decides; the header only where it says
/// nothing.
pub(super) fn era(posted: &PostBody, header: Option<&str>) -> Result<Era, MessageRefusal> {
    match posted {
        PostBody::Batch(messages) if messages.iter().any(is_declared_modern) => {
            Err(MessageRefusal::invalid(None, "requests of this revision are sent one by one"))
        }
        PostBody::One(message) if is_declared_modern(message) => Ok(Era::Modern),
        PostBody::One(ClientMessage::Request(id, request)) if request.method != "initialize" && is_modern(header) => {
            Err(MessageRefusal::params(Some(id.clone()), &format!("`params._meta` lacks `{META_VERSION}`")))
        }
        PostBody::One(ClientMessage::Notification(_)) if is_modern(header) => Ok(Era::Modern),
        PostBody::One(_) | PostBody::Batch(_) => Ok(Era::Legacy),
    }
}

/// Reads what every modern request carries (2026-07-28, basic/index#meta).
pub(super) fn request_meta(id: &JsonRpcId, request: &Request) -> Result<RequestMeta, MessageRefusal> {
    let refuse = |message: &str| MessageRefusal::params(Some(id.clone()), message);
    let Some(meta) = request.meta() else {
        let is_missing = request.params.get("_meta").is_none();
        return Err(refuse(if is_missing { "`params._meta` is missing" } else { "`params._meta` must be an object" }));
    };
    let object = |name: &str| match meta.get(name) {
        Some(value) if value.get().starts_with('{') => Ok(Some(Arc::clone(value))),
        Some(_) => Err(refuse(&format!("`params._meta` has a `{name}` that is no object"))),
        None => Ok(None),
    };
    let text = |name: &str| match (meta.get(name), meta.text(name)) {
        (Some(_), None) => Err(refuse(&format!("`params._meta` has a `{name}` that is no string"))),
        (_, text) => Ok(text),
    };
    if meta.get("progressToken").is_some_and(|token| JsonRpcId::parse(token).is_none()) {
        return Err(refuse("`params._meta` has a `progressToken` that is neither a string nor a whole number"));
    }
    Ok(RequestMeta {
        version: text(META_VERSION)?.ok_or_else(|| refuse(&format!("`params._meta` lacks `{META_VERSION}`")))?,
        capabilities: object(META_CAPABILITIES)?
            .ok_or_else(|| refuse(&format!("`params._meta` lacks `{META_CAPABILITIES}`")))?,
        info: object(META_CLIENT_INFO)?,
        log_level: text(META_LOG_LEVEL)?,
    })
}

/// True for methods that went with the handshake (2026-07-28, changelog).
pub(super) fn was_removed(method: &str) -> bool {
    ClientMethod::find(method).is_some_and(|known| !known.is_in(Era::Modern))
        || ["notifications/initialized", "notifications/roots/list_changed"].contains(&method)
}

/// True for a message whose `_meta` names its revision.
fn is_declared_modern(message: &ClientMessage) -> bool {
    let request = match message {
        ClientMessage::Request(_, request) | ClientMessage::Notification(request) => request,
        ClientMessage::Answer(..) => return false,
    };
    request.meta().is_some_and(|meta| meta.get(META_VERSION).is_some())
}

/// True for a header that names a revision later than those with a handshake.
fn is_modern(header: Option<&str>) -> bool {
    let is_date =
        |text: &str| text.len() == MODERN.len() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    header.is_some_and(|version| is_date(version) && version > LATEST_LEGACY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(text: &str) -> PostBody {
        PostBody::parse(text.as_bytes()).unwrap()
    }

    fn modern(method: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"_meta":{{"{META_VERSION}":"{MODERN}","{META_CAPABILITIES}":{{}}}}}}}}"#
        )
    }

    fn legacy(method: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"_meta":{{"progressToken":1}}}}}}"#)
    }

    #[test]
    fn the_body_says_which_era_a_request_is_of() {
        for header in [None, Some(MODERN), Some("2025-06-18")] {
            assert_eq!(era(&posted(&modern("tools/list")), header).unwrap(), Era::Modern);
            assert_eq!(era(&posted(&modern("initialize")), header).unwrap(), Era::Modern);
            assert_eq!(era(&posted(&legacy("initialize")), header).unwrap(), Era::Legacy);
        }
        assert_eq!(era(&posted(&legacy("tools/list")), Some("2025-06-18")).unwrap(), Era::Legacy);
        assert_eq!(era(&posted(&legacy("tools/list")), None).unwrap(), Era::Legacy);
    }

    #[test]
    fn a_modern_header_with_no_envelope_is_no_older_request() {
        let refusal = era(&posted(&legacy("tools/list")), Some(MODERN)).unwrap_err();
        assert_eq!((refusal.status, refusal.code(), refusal.id.unwrap().number()), (400, -32602, Some(1)));
    }

    #[test]
    fn a_notification_goes_by_its_header_and_an_answer_is_always_older() {
        let notification = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
        assert_eq!(era(&posted(notification), Some(MODERN)).unwrap(), Era::Modern);
        assert_eq!(era(&posted(notification), Some("2025-11-25")).unwrap(), Era::Legacy);
        assert_eq!(era(&posted(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Some(MODERN)).unwrap(), Era::Legacy);
    }

    #[test]
    fn no_batch_has_a_modern_request_in_it() {
        let batch = format!("[{},{}]", legacy("ping"), modern("tools/list"));
        assert_eq!(era(&posted(&batch), None).unwrap_err().code(), -32600);
        assert_eq!(era(&posted(&format!("[{}]", legacy("ping"))), None).unwrap(), Era::Legacy);
    }

    #[test]
    fn an_envelope_has_a_version_and_capabilities_and_may_have_more() {
        let read = |meta: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"_meta":{meta}}}}}"#);
            let PostBody::One(ClientMessage::Request(id, request)) = posted(&text) else { panic!("{text}") };
            request_meta(&id, &request)
        };
        let whole = read(&format!(
            r#"{{"{META_VERSION}":"v9","{META_CAPABILITIES}":{{"a": 1.0}},"{META_LOG_LEVEL}":"debug"}}"#
        ))
        .unwrap();
        assert_eq!(
            (whole.version.as_str(), whole.capabilities.get(), whole.log_level.as_deref()),
            ("v9", r#"{"a": 1.0}"#, Some("debug"))
        );
        for meta in [
            "{}".to_owned(),
            "[]".to_owned(),
            format!(r#"{{"{META_VERSION}":"v9"}}"#),
            format!(r#"{{"{META_CAPABILITIES}":{{}}}}"#),
            format!(r#"{{"{META_VERSION}":1,"{META_CAPABILITIES}":{{}}}}"#),
            format!(r#"{{"{META_VERSION}":"v9","{META_CAPABILITIES}":[]}}"#),
            format!(r#"{{"{META_VERSION}":"v9","{META_CAPABILITIES}":{{}},"progressToken":1.5}}"#),
        ] {
            let refusal = read(&meta).unwrap_err();
            assert_eq!((refusal.status, refusal.code()), (400, -32602), "{meta}");
        }
    }
}
