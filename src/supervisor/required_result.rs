//! Results that a process must give to become ready.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::{
    mcp::RpcError,
    supervisor::{exit::Exit, messages::Answer},
};

/// The result of an answer; anything else, and the process cannot become ready.
pub(super) fn require_result(method: &str, answer: Answer) -> Result<Arc<RawValue>, Exit> {
    let refused = |why: String| Exit::NotReady(format!("{method} {why}"));
    match answer {
        Answer::Result(result) => Ok(result),
        Answer::Error(error) => {
            let error: Option<RpcError> = serde_json::from_str(error.get()).ok();
            let (code, message) = error.map_or((0, String::new()), |error| (error.code, error.message));
            Err(refused(format!("was refused with {code}: {message}")))
        }
        Answer::TooLong => Err(refused("got an answer that is over 16 MiB, or had no room".into())),
        Answer::NotSent | Answer::Unread | Answer::Died(_) => Err(Exit::ClosedOutput),
    }
}
