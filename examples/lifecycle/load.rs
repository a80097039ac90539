//! [`RunningLoad`]: callers that call a tool over and over, until they are drained or one call fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ostler::{
    Runtime,
    calls::CallRequest,
    futures_util::future::join_all,
    model::ServerId,
    serde_json::{Map, Value},
};
use tokio::{task::JoinHandle, time::timeout};

use crate::{expectation::Failure, script::Load};

/// Callers at work.
pub struct RunningLoad {
    draining: Arc<AtomicBool>,
    callers: Vec<JoinHandle<ostler::Result<u64>>>,
}

impl RunningLoad {
    /// Has callers begin.
    pub fn begin(runtime: &Runtime, id: ServerId, load: &Load) -> Self {
        let draining = Arc::<AtomicBool>::default();
        let call =
            || call_until_drained(runtime.clone(), id, load.tool.clone(), load.arguments.clone(), draining.clone());
        let callers = (0..load.callers).map(|_| tokio::spawn(call())).collect();
        Self { draining, callers }
    }

    /// No further call is made; returns how many were answered once the last is.
    pub async fn drain(self, within: Duration) -> Result<String, Failure> {
        self.draining.store(true, Ordering::Relaxed);
        let count = self.callers.len();
        let expected = format!("every call of {count} callers to be answered");
        let Ok(ended) = timeout(within, join_all(self.callers)).await else {
            return Err(Failure::new(expected, format!("some are not, within {within:?}")));
        };
        let mut answered = 0;
        for caller in ended {
            match caller {
                Ok(Ok(calls)) => answered += calls,
                Ok(Err(error)) => return Err(Failure::error(&expected, &error)),
                Err(lost) => return Err(Failure::new(expected, lost.to_string())),
            }
        }
        Ok(format!("{answered} calls of {count} callers, none failed"))
    }
}

async fn call_until_drained(
    runtime: Runtime,
    id: ServerId,
    tool: String,
    arguments: Map<String, Value>,
    draining: Arc<AtomicBool>,
) -> ostler::Result<u64> {
    let mut calls = 0;
    // One at least, however soon it ends.
    while calls == 0 || !draining.load(Ordering::Relaxed) {
        runtime.calls().call(runtime.embedder(), id, CallRequest::new(&tool, &arguments)).await?;
        calls += 1;
    }
    Ok(calls)
}
