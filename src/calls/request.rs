//! A tool call as embedders and REST make it: [`CallRequest`] and [`CallOutcome`].

use std::{sync::Arc, time::Duration};

use futures_util::stream::BoxStream;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::mpsc;

use crate::{
    calls::progress::{self, CallProgress},
    error::{Error, Result},
    mcp,
    model::{CallId, PropagatedTrace},
    policy::{call, nesting},
    supervisor::messages::RequestEvent,
};

/// A tool call to make.
///
/// ```no_run
/// # use std::time::Duration;
/// # use ostler::{calls::CallRequest, futures_util::StreamExt, tokio};
/// # async fn search(runtime: ostler::Runtime, id: ostler::model::ServerId) -> ostler::Result<()> {
/// #[derive(serde::Serialize)]
/// struct Query {
///     text: String,
/// }
///
/// let query = CallRequest::new("search", Query { text: "hay".into() }).timeout(Duration::from_secs(60));
/// let (query, progress) = query.progress();
/// let show = progress.for_each(|step| async move { println!("{step:?}") });
/// let (found, ()) = tokio::join!(runtime.calls().call(runtime.embedder(), id, query), show);
/// println!("{}", found?.text());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CallRequest {
    /// The tool's name.
    pub tool: String,
    /// Its arguments, a JSON object, passed on byte for byte; `None` is `{}`.
    pub parameters: Option<Box<RawValue>>,
    /// Deadline; `None` is the default. At most an hour.
    pub timeout: Option<Duration>,
    /// Receives progress notifications as the server wrote them, with the id of the call as `progressToken`.
    pub progress: Option<mpsc::Sender<RequestEvent>>,
    /// The trace it is part of, if any.
    pub trace: Option<PropagatedTrace>,
}

impl CallRequest {
    /// A call with the default deadline and no progress. `parameters` is written as a JSON object: a struct, a map, a
    /// `serde_json::Value`, or `()` for none.
    #[must_use]
    pub fn new(tool: impl Into<String>, parameters: impl Serialize) -> Self {
        // What is no JSON is no object either: a map with keys that are no text, say.
        let parameters = to_raw_value(&parameters).unwrap_or_else(|_| RawValue::TRUE.to_owned());
        let parameters = Some(parameters);
        Self { tool: tool.into(), parameters, timeout: None, progress: None, trace: None }
    }

    /// Sets a deadline; at most an hour.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Returns its notifications of progress as well, as they come; they end with the call.
    #[must_use]
    pub fn progress(self) -> (Self, BoxStream<'static, CallProgress>) {
        let (sender, progress) = progress::channel();
        (Self { progress: Some(sender), ..self }, progress)
    }

    /// Checks it as [`Calls::call`](crate::calls::Calls::call) does: `Invalid` or `Malformed`.
    pub fn check(&self) -> Result<()> {
        let parameters = self.parameters.as_deref().map(RawValue::get);
        call::faults(&self.tool, parameters, self.timeout).into_result()?;
        if parameters.is_some_and(|json| nesting::exceeds(json, nesting::SENT_MAX)) {
            return Err(Error::Malformed(format!("parameters: {}", nesting::TOO_DEEP)));
        }
        Ok(())
    }
}

/// A call that succeeded, and is on record.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallOutcome {
    /// The call on record.
    pub call_id: CallId,
    /// The MCP `CallToolResult`, byte for byte.
    pub result: Arc<RawValue>,
    /// Milliseconds from dispatch to answer.
    pub execution_time: i64,
}

impl CallOutcome {
    /// The text that the tool gave, its parts joined by line ends; empty where it gave none.
    #[must_use]
    pub fn text(&self) -> String {
        mcp::tool_text(&self.result)
    }
}
