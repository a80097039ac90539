//! Calling tools: permission, limit, dispatch, deadline, record.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;

use crate::{
    error::Result,
    model::{CallFilter, CallId, Page, PageRequest, Principal, ServerId, ToolCall},
    runtime::Runtime,
};

/// A tool call to make.
pub struct CallRequest {
    /// The tool's name.
    pub tool: String,
    /// Its arguments, a JSON object, passed on byte for byte; `None` is `{}`.
    pub parameters: Option<Box<RawValue>>,
    /// Deadline; `None` is the default. At most an hour.
    pub timeout: Option<Duration>,
    /// Where progress notifications go (their `params`, as JSON), if anywhere.
    pub progress: Option<tokio::sync::mpsc::Sender<Arc<RawValue>>>,
}

/// A call that succeeded, and is on record.
#[derive(Clone, Debug)]
pub struct CallOutcome {
    /// The call on record.
    pub call_id: CallId,
    /// The MCP `CallToolResult`, byte for byte.
    pub result: Arc<RawValue>,
    /// Milliseconds from dispatch to answer.
    pub execution_time: i64,
}

impl Runtime {
    /// Calls a tool; waits for a starting server inside the deadline. Dropping the future cancels the call, which is recorded all the same.
    pub async fn call(&self, _who: &Principal, _id: ServerId, _request: CallRequest) -> Result<CallOutcome> {
        unimplemented!()
    }
    /// The calls of a server, newest first.
    pub async fn calls(
        &self,
        _who: &Principal,
        _id: ServerId,
        _filter: CallFilter,
        _page: PageRequest,
    ) -> Result<Page<ToolCall>> {
        unimplemented!()
    }
}
