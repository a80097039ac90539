//! [`AdmittedCall`]: a tool call between admission and record.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::{
    mcp::{self, Declared},
    model::{CallId, PropagatedTrace, Timestamp, TraceContext, UserId},
    placement::Lease,
    registry::Registered,
    supervisor::{Link, messages::RequestSubscriber},
};

/// A call that was admitted, on its way to its record.
pub(super) struct AdmittedCall {
    /// Its id on record.
    pub id: CallId,
    /// The caller.
    pub user_id: UserId,
    /// The server called.
    pub server: Arc<Registered>,
    /// The process for the caller alone, where there is one.
    pub lease: Option<Lease>,
    /// Name of the tool.
    pub tool: String,
    /// True when the server's owner permits the tool; otherwise it is answered as unknown.
    pub permitted: bool,
    /// Arguments, a JSON object.
    pub arguments: Arc<RawValue>,
    /// The MCP request, and the capabilities its client declared, where an MCP client made it.
    pub mcp_request: Option<(Arc<mcp::Request>, Declared)>,
    /// The trace it is part of, where no MCP client made it.
    pub trace: Option<PropagatedTrace>,
    /// Deadline, from dispatch.
    pub timeout: Duration,
    /// Ends it before that, as the deadline would.
    pub expired: Option<oneshot::Receiver<()>>,
    /// Receives messages of the server about this call.
    pub progress: Option<RequestSubscriber>,
    /// When it came in.
    pub created_at: Timestamp,
}

impl AdmittedCall {
    /// Its parent span.
    pub(super) fn context(&self) -> Option<TraceContext> {
        let named = || self.mcp_request.as_ref()?.0.traceparent();
        self.trace.as_ref().map(|trace| trace.parent).or_else(|| TraceContext::parse(&named()?))
    }

    /// View, output, lists and events of the process that takes it.
    pub(super) fn link(&self) -> &Link {
        self.lease.as_ref().map_or(&self.server.link, Lease::link)
    }
}
