//! A request or a notification on its way through Ostler, apart from its id and its era.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::mcp::Members;

/// The member of `_meta` that says which trace a request is part of.
const TRACEPARENT: &str = "traceparent";

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
    pub fn trace(&mut self, traceparent: &str) {
        if self.meta().is_none_or(|meta| meta.get(TRACEPARENT).is_none()) {
            self.set_trace(traceparent);
        }
    }

    /// The `traceparent` of the request.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.meta()?.text(TRACEPARENT)
    }

    /// Makes the request part of a trace, whatever it says itself.
    pub fn set_trace(&mut self, traceparent: &str) {
        let mut meta = self.meta.take().unwrap_or_default();
        if let Ok(value) = serde_json::value::to_raw_value(traceparent) {
            meta.set(TRACEPARENT, Arc::from(value));
            self.params.set("_meta", Arc::from(meta.to_raw()));
        }
        self.meta = Some(meta);
    }
}
