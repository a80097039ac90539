//! Calling a tool: the hot path.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::header};
use bytes::Bytes;
use futures_util::{FutureExt, Stream, future::LocalBoxFuture, stream};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::{
    calls::{CallOutcome, CallRequest},
    model::ServerId,
    supervisor::messages::RequestEvent,
    web::{
        HandlerResult,
        authenticate::Caller,
        body::{Borrowed, JsonBytes, parse},
        event_stream,
        problem::{Occurrence, Problem},
        query::PathId,
        trace::{self, CurrentRequestId},
    },
};

/// Progress notifications queued for one slow reader of the event stream; more are dropped.
const PROGRESS_BACKLOG: usize = 64;

/// A tool to call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ExecuteBody)]
pub(crate) struct ExecuteBody<'a> {
    /// The tool's name.
    #[serde(borrow)]
    #[schema(value_type = String)]
    tool_name: Borrowed<'a>,
    /// Its arguments, an object nested at most 128 levels deep, passed on byte for byte; left out means none.
    #[serde(borrow)]
    #[schema(value_type = Option<Object>)]
    parameters: Option<&'a RawValue>,
    /// Deadline for the answer, in milliseconds, at most an hour; left out means `MCP_CALL_TIMEOUT_MS`.
    #[schema(minimum = 1, maximum = 3_600_000)]
    timeout_ms: Option<u64>,
}

impl ExecuteBody<'_> {
    fn request(self) -> CallRequest {
        CallRequest {
            tool: self.tool_name.0.into_owned(),
            parameters: self.parameters.map(ToOwned::to_owned),
            timeout: self.timeout_ms.map(Duration::from_millis),
            progress: None,
            trace: None,
        }
    }
}

/// A tool call that succeeded.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = ExecuteAnswer)]
#[expect(dead_code, reason = "describes what `encode` writes")]
pub(crate) struct ExecuteAnswer {
    /// Always true; a failure is a problem.
    success: bool,
    /// The MCP `CallToolResult`, byte for byte.
    #[schema(value_type = Object)]
    result: (),
    /// Milliseconds from dispatch to answer.
    execution_time: i64,
    /// The call on record.
    call_id: String,
}

/// Call a tool
///
/// Waits for a starting server inside the deadline. With `Accept: text/event-stream` the answer is a stream: an event
/// `progress` for each progress notification of the server, its `progressToken` being the `callId`, then one event
/// `result` (as below) or `error` (a problem).
/// Closing the connection cancels the call. The call is on record before the answer is sent.
#[utoipa::path(post, path = "/api/mcp/{id}/execute", tag = "calls",
    params(("id" = String, Path, description = "The server")),
    request_body(content = ExecuteBody, example = json!({
        "toolName": "read_text_file", "parameters": {"path": "/srv/files/notes.txt"}
    })),
    responses(
        (status = 200, description = "What the tool answered", content(
            (ExecuteAnswer = "application/json", example = json!({
                "success": true, "result": {"content": [{"type": "text", "text": "oats, hay"}]},
                "executionTime": 3, "callId": "0198c5de-7a30-7cc1-9d6e-0a4c3f1f7b52"
            })),
            (String = "text/event-stream"))),
        (status = 400, description = "Code `tool_execution_failed`: the tool says it failed; see `toolError`"),
        (status = 503, description = "Code `server_unavailable`: it is not running, or ended during the call"),
        (status = 504, description = "Code `call_timeout`: no response before the deadline; a cancellation was sent to the server"),
    ),
    security(("bearer" = ["mcp:execute"])))]
pub(crate) async fn execute(
    request: HttpRequest,
    caller: Caller,
    PathId(id): PathId<ServerId>,
    JsonBytes(bytes): JsonBytes,
) -> HandlerResult {
    let body: ExecuteBody<'_> = parse(&bytes)?;
    let wanted = CallRequest { trace: trace::propagated(&request), ..body.request() };
    if event_stream::is_wanted(request.headers()) {
        // Before the stream: what cannot be accepted is a problem with a status of its own.
        wanted.check()?;
        return Ok(event_stream::respond_to_the_end(events(&request, caller, id, wanted)));
    }
    let outcome = caller.runtime.calls().call(&caller.who, id, wanted).await?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(encode(&outcome)))
}

/// The answer, written around the result without reading it.
fn encode(outcome: &CallOutcome) -> String {
    let result = outcome.result.get();
    let mut text = String::with_capacity(result.len() + 128);
    text.extend([r#"{"success":true,"result":"#, result]);
    let tail = format_args!(r#","executionTime":{},"callId":"{}"}}"#, outcome.execution_time, outcome.call_id);
    // Writing to memory that grows cannot fail.
    let _ = std::fmt::Write::write_fmt(&mut text, tail);
    text
}

fn events(
    request: &HttpRequest,
    caller: Caller,
    id: ServerId,
    wanted: CallRequest,
) -> impl Stream<Item = Bytes> + 'static {
    let (sender, receiver) = mpsc::channel(PROGRESS_BACKLOG);
    let wanted = CallRequest { progress: Some(sender), ..wanted };
    let (request, request_id) = (request.clone(), CurrentRequestId::of(request));
    let call = async move {
        match caller.runtime.calls().call(&caller.who, id, wanted).await {
            Ok(outcome) => event_stream::event(Some("result"), None, &encode(&outcome)),
            Err(error) => {
                let problem = Problem::from(error);
                let body =
                    serde_json::to_string(&problem.body(Occurrence::of(&request, &request_id))).unwrap_or_default();
                event_stream::event(Some("error"), None, &body)
            }
        }
    };
    stream::unfold(Some(Streamed { receiver, call: call.boxed_local(), answer: None }), |state| async {
        state?.next().await
    })
}

/// A call whose progress is being sent.
struct Streamed {
    receiver: mpsc::Receiver<RequestEvent>,
    call: LocalBoxFuture<'static, Bytes>,
    answer: Option<Bytes>,
}

impl Streamed {
    /// The next event: progress while there is any, the answer last.
    async fn next(mut self) -> Option<(Bytes, Option<Self>)> {
        while self.answer.is_none() {
            tokio::select! {
                biased;
                Some(event) = self.receiver.recv() => if let Some(event) = progress(event) {
                    return Some((event, Some(self)));
                },
                answer = &mut self.call => self.answer = Some(answer),
            }
        }
        self.receiver.close();
        while let Some(event) = self.receiver.recv().await {
            if let Some(event) = progress(event) {
                return Some((event, Some(self)));
            }
        }
        self.answer.map(|answer| (answer, None))
    }
}

/// The event for a note of progress; `None` for any other.
fn progress(event: RequestEvent) -> Option<Bytes> {
    match event {
        RequestEvent::Notification { method, params } => (&*method == "notifications/progress")
            .then(|| event_stream::event(Some("progress"), None, params.as_deref().map_or("{}", RawValue::get))),
        // Dropped, and refused thereby: this call has no MCP client to ask.
        RequestEvent::Request(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::StreamExt;

    use super::*;
    use crate::{error::Error, model::CallId};

    fn raw(text: &str) -> Arc<RawValue> {
        Arc::from(RawValue::from_string(text.to_owned()).unwrap())
    }

    #[test]
    fn numbers_and_key_order_survive_in_both_directions() {
        let text = r#"{"toolName":"t","parameters":{"z":12345678901234567890123,"a":1.10}}"#;
        let body: ExecuteBody<'_> = parse(text.as_bytes()).unwrap();
        assert_eq!(body.request().parameters.unwrap().get(), r#"{"z":12345678901234567890123,"a":1.10}"#);
        let outcome = CallOutcome { call_id: CallId::new(), result: raw(r#"{"z":1e400, "a":[]}"#), execution_time: 12 };
        let expected = format!(
            r#"{{"success":true,"result":{{"z":1e400, "a":[]}},"executionTime":12,"callId":"{}"}}"#,
            outcome.call_id
        );
        assert_eq!(encode(&outcome), expected);
    }

    #[test]
    fn faults_of_a_call_are_told_by_field() {
        let pointers =
            |text: &str| match parse::<ExecuteBody<'_>>(text.as_bytes()).and_then(|body| body.request().check()) {
                Err(Error::Invalid(faults)) => faults.0.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>(),
                other => panic!("{other:?}"),
            };
        assert_eq!(
            pointers(r#"{"toolName":"","parameters":[1],"timeoutMs":0}"#),
            ["/toolName", "/parameters", "/timeoutMs"]
        );
        assert_eq!(pointers(r#"{"toolName":"t","timeoutMs":"soon"}"#), ["/timeoutMs"]);
        assert_eq!(pointers(r#"{"toolName":"t","params":{}}"#), ["/params"]);
        assert!(parse::<ExecuteBody<'_>>(br#"{"toolName":"t","parameters":null}"#).unwrap().request().check().is_ok());
    }

    #[actix_web::test]
    async fn progress_comes_before_the_answer_and_the_answer_ends_the_stream() {
        let (sender, receiver) = mpsc::channel(4);
        let lingering = sender.clone();
        let call = async move {
            for method in ["notifications/message", "notifications/progress", "notifications/x"] {
                let params = Some(raw("{\"progress\":1}"));
                assert!(sender.send(RequestEvent::Notification { method: method.into(), params }).await.is_ok());
            }
            Bytes::from_static(b"answer")
        };
        let state = Streamed { receiver, call: call.boxed_local(), answer: None };
        let events: Vec<_> = stream::unfold(Some(state), |state| async { state?.next().await }).collect().await;
        assert_eq!(events, ["event: progress\ndata: {\"progress\":1}\n\n", "answer"]);
        drop(lingering);
    }
}
