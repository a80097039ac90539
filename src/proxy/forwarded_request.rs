//! [`ForwardedRequest`]: one request through the gateway, from its head to its answer.

use std::{cell::Cell, net::IpAddr, sync::Arc};

use actix_web::http::header::HeaderValue;
use bytes::BytesMut;
use tokio::time::Instant;

use crate::{
    Runtime,
    error::Error,
    gateway::Service,
    http1::{RequestHead, ResponseHead},
    model::{Principal, TraceContext},
    proxy::{cors, cut_prefix::CutPrefix, request, request_id::RequestId},
    revocation::RequiredRight,
    telemetry::Tracer,
};

/// A request on its way.
pub(super) struct ForwardedRequest<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) service: &'a Arc<Service>,
    pub(super) id: RequestId,
    /// The address of the peer, and whether that is a trusted proxy.
    pub(super) peer: IpAddr,
    pub(super) is_trusted: bool,
    /// The origin of the page that sent it, where its answer may be read there.
    pub(super) allowed_origin: Option<HeaderValue>,
    /// The authenticated caller, where the service requires one.
    pub(super) caller: Option<Principal>,
    pub(super) runtime: &'a Runtime,
    /// True when the connection persists after the answer, as the answer's head says.
    pub(super) keep_alive: Cell<bool>,
    /// The status of the answer; 0 before that.
    pub(super) status: Cell<u16>,
    pub(super) tracer: &'a Tracer,
    /// Its span, where spans are made.
    pub(super) span: Option<TraceContext>,
    pub(super) started: Instant,
}

impl ForwardedRequest<'_> {
    /// The start of its path that instances do not get, where the service has it cut off.
    pub(super) fn cut_prefix(&self) -> Option<CutPrefix<'_>> {
        let spec = self.service.spec();
        if !spec.strip_prefix {
            return None;
        }
        let host = self.head.fields.get("host").unwrap_or_default();
        let is_other = |path: &str| self.runtime.gateway().table().find(path).is_some();
        Some(CutPrefix::new(request::forwarded_prefix(self.head, spec, self.is_trusted), host, is_other))
    }

    /// Lets the page that sent it read an answer.
    pub(super) fn allow_page(&self, answer: &ResponseHead, out: &mut BytesMut) {
        if let Some(origin) = &self.allowed_origin {
            cors::write(origin, answer, out);
        }
    }

    /// Does `work` for as long as the credential is good that the service asked for.
    pub(super) async fn while_permitted<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        match &self.caller {
            Some(who) => self.runtime.revocation().while_permitted(who, RequiredRight::Credential, work).await,
            None => Ok(work.await),
        }
    }
}
