//! A request or a notification on its way through Ostler, apart from its id and its era.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::{
    mcp::Members,
    model::{PropagatedTrace, TraceContext},
};

/// The members of `_meta` that say which trace a request is part of.
pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const TRACESTATE: &str = "tracestate";

/// A method and its parameters as their sender wrote them.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method's name.
    pub method: String,
    /// Its parameters; `_meta` is the member of that name.
    pub params: Members,
    /// The members of `params._meta`; `None` where there is no such object.
    meta: Option<Members>,
}

impl Request {
    /// A request; no `params` count as an empty object. Fails where they are no object, or name a member twice.
    pub fn new(method: impl Into<String>, params: Option<&RawValue>) -> serde_json::Result<Self> {
        Ok(Self::of(method, params.map(Members::parse).transpose()?.unwrap_or_default()))
    }

    /// A request with parameters that were read.
    pub fn of(method: impl Into<String>, params: Members) -> Self {
        let meta = params.get("_meta").and_then(|meta| Members::parse(meta).ok());
        Self { method: method.into(), params, meta }
    }

    /// The members of `params._meta`; `None` where there is no such object.
    #[must_use]
    pub fn meta(&self) -> Option<&Members> {
        self.meta.as_ref()
    }

    /// Makes the request part of a trace, where it does not say itself which one it is part of (W3C Trace Context).
    pub fn trace(&mut self, trace: &PropagatedTrace) {
        if self.traceparent().is_some_and(|named| TraceContext::parse(&named).is_some()) {
            return;
        }
        let mut meta = self.meta.take().unwrap_or_default();
        // A state belongs to the parent beside it, and this is another.
        meta.remove(TRACESTATE);
        set_text(&mut meta, TRACEPARENT, &trace.parent.to_string());
        if let Some(state) = &trace.state {
            set_text(&mut meta, TRACESTATE, state);
        }
        self.set_meta(meta);
    }

    /// The `traceparent` of the request.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.meta()?.text(TRACEPARENT)
    }

    /// Makes another span of its trace the parent of the request.
    pub fn set_parent(&mut self, parent: TraceContext) {
        let mut meta = self.meta.take().unwrap_or_default();
        set_text(&mut meta, TRACEPARENT, &parent.to_string());
        self.set_meta(meta);
    }

    fn set_meta(&mut self, meta: Members) {
        self.params.set("_meta", Arc::from(meta.to_raw()));
        self.meta = Some(meta);
    }
}

fn set_text(meta: &mut Members, name: &str, text: &str) {
    // Every text can be written.
    if let Ok(value) = serde_json::value::to_raw_value(text) {
        meta.set(name, Arc::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_state_stays_with_the_parent_it_belongs_to() {
        let other = PARENT.replace("b7ad", "beef");
        let traced = |meta: &str, state: Option<&str>| {
            let params = RawValue::from_string(format!(r#"{{"_meta":{meta}}}"#)).unwrap();
            let mut request = Request::new("tools/call", Some(&params)).unwrap();
            let parent = TraceContext::parse(&other).unwrap();
            request.trace(&PropagatedTrace { parent, state: state.map(str::to_owned) });
            request.params.get("_meta").unwrap().to_string()
        };
        let named = format!(r#"{{"traceparent":"{PARENT}","tracestate":"a=1","baggage":"b=2"}}"#);
        assert_eq!(traced(&named, Some("c=3")), named);
        let unread = r#"{"traceparent":"00-1","tracestate":"a=1","baggage":"b=2"}"#;
        assert_eq!(traced(unread, None), format!(r#"{{"traceparent":"{other}","baggage":"b=2"}}"#));
        let stray = r#"{"tracestate":"a=1"}"#;
        assert_eq!(traced(stray, Some("c=3")), format!(r#"{{"traceparent":"{other}","tracestate":"c=3"}}"#));
    }
}
