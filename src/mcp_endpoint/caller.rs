//! [`McpCaller`], which the handlers take, and the [`ClientState`] that it brings along.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use super::{session::McpSession, sessions::Sessions};
use crate::{
    Runtime,
    bridge::{Conversation, LinkedResources, SuspendedRequests},
    error::Error,
    mcp::Era,
    model::{Principal, TraceContext},
    web::{authenticate::Caller, problem::Problem},
};

/// Sessions, suspended requests and linked resources of MCP clients, as data of an app. Clones share them.
#[derive(Clone)]
pub(crate) struct ClientState {
    sessions: Arc<Sessions>,
    suspended: Arc<SuspendedRequests>,
    linked: Arc<LinkedResources>,
}

impl ClientState {
    /// No clients yet; those whose account is closed are let go from now on.
    pub(crate) fn new(runtime: Runtime) -> Self {
        let suspended = Arc::new(SuspendedRequests::default());
        let sessions = Arc::new(Sessions::new(runtime.clone()));
        let observer = Arc::downgrade(&sessions);
        runtime.accounts().observe(observer);
        let observer = Arc::downgrade(&suspended);
        runtime.accounts().observe(observer);
        let linked = Arc::new(LinkedResources::default());
        let observer = Arc::downgrade(&linked);
        runtime.accounts().observe(observer);
        Self { sessions, suspended, linked }
    }
}

/// An authenticated caller, and the state of MCP clients.
pub(crate) struct McpCaller {
    /// The authenticated principal.
    pub who: Arc<Principal>,
    /// The runtime that is called.
    pub runtime: Runtime,
    /// The span of their request, where spans are made.
    pub span: Option<TraceContext>,
    /// Sessions of all clients.
    pub(super) sessions: Arc<Sessions>,
    /// Suspended requests of all clients.
    pub(super) suspended: Arc<SuspendedRequests>,
    /// Resources that servers linked to, of all clients.
    pub(super) linked: Arc<LinkedResources>,
}

impl McpCaller {
    /// A session of the caller's, as they speak in it now.
    pub(super) fn conversation(&self, session: &McpSession) -> Arc<Conversation> {
        Arc::new(Conversation {
            runtime: self.runtime.clone(),
            suspended: Arc::clone(&self.suspended),
            linked: Arc::clone(&self.linked),
            who: Arc::clone(&self.who),
            span: self.span,
            scope: session.scope,
            era: Era::Legacy,
            version: session.version.clone(),
            client: Arc::clone(&session.client),
            watches: Arc::clone(&session.watches),
        })
    }
}

impl FromRequest for McpCaller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let with_state = |Caller { who, runtime, span }| {
            let state = request.app_data::<ClientState>().cloned();
            let missing = || Error::Internal("a route was mounted without the state of clients".into());
            let ClientState { sessions, suspended, linked } = state.ok_or_else(missing)?;
            Ok(Self { who, runtime, span, sessions, suspended, linked })
        };
        ready(Caller::from_request(request, payload).into_inner().and_then(with_state))
    }
}
