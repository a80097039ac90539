//! Other versions of a server's program: tried out by a process that serves no caller, and moved to.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::time::timeout;

use super::{Placement, is_stopped, process_key::shared};
use crate::{
    error::Result,
    mcp::{self, RpcError},
    model::{CanaryCall, ServerId},
    policy::{mask::Mask, payload},
    registry::Registered,
    supervisor::{
        Availability, Link, ServerInstance,
        messages::{AddServer, Answer, NotUp, RemoveServer, StartServer, Wanted},
    },
};

/// Longest time for the answer to a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A call to make: the tool, and the arguments.
pub(crate) type TrialCall = (String, Arc<RawValue>);

/// Findings about a process that became ready.
pub(crate) struct Trial {
    /// The tools that it lists.
    pub(crate) tools: Arc<Vec<Arc<RawValue>>>,
    /// The calls that it was asked.
    pub(crate) calls: Vec<CanaryCall>,
}

impl Placement {
    /// Starts a process of a server under an id of its own, beside those that serve, and makes these calls of the tools
    /// that it lists; what was found once it was ready, or how it ended. It is gone when this returns.
    pub(crate) async fn try_out(
        &self,
        process: ServerId,
        server: &Registered,
        calls: Vec<TrialCall>,
    ) -> Result<Result<Trial, NotUp>> {
        self.trials.lock().insert(process, server.id);
        let tried = self.start_trial(process, server, calls).await;
        let removed = self.supervisor.ask(RemoveServer { id: process }).await;
        // What it reported is dealt with as that of a trial.
        self.supervisor.flush_events().await;
        self.trials.lock().remove(&process);
        removed.and(tried)
    }

    async fn start_trial(
        &self,
        id: ServerId,
        registered: &Registered,
        calls: Vec<TrialCall>,
    ) -> Result<Result<Trial, NotUp>> {
        let server = registered.server.load_full();
        let launch = self.launch(&server, None, shared(&server.config)).await?;
        let mask = Mask::clone(&registered.mask.load());
        let added = AddServer { id, launch, mask: mask.clone(), wanted: Wanted::Down, link: Link::default() };
        self.supervisor.ask(added).await?;
        Ok(match self.supervisor.ask(StartServer { id }).await? {
            Ok(view) => match view.availability {
                Availability::Ready(instance) => {
                    let tools = instance.tools();
                    Ok(Trial { tools, calls: asked(&instance, calls, &mask).await })
                }
                Availability::Coming | Availability::Down(_) => Err(NotUp::Stopped),
            },
            Err(not_up) => Err(not_up),
        })
    }

    /// True for a process that is tried out.
    pub(crate) fn is_trial(&self, id: ServerId) -> bool {
        self.trials.lock().contains_key(&id)
    }

    /// Has every process of a server that runs be replaced by one of another version, calls in flight drained; returns
    /// once the one that all share is ready, or how it ended. The one before serves until then.
    pub(crate) async fn move_on(&self, server: &Registered) -> Result<Result<(), NotUp>> {
        let count = |count: &mut u64| *count = count.saturating_add(1);
        count(self.renewals.lock().entry(server.id).or_default());
        self.replace_processes(server).await?;
        self.settled(server).await
    }

    /// Returns once the process of a server that all callers share is ready, or how it ended; at once where the server
    /// is stopped.
    pub(crate) async fn settled(&self, server: &Registered) -> Result<Result<(), NotUp>> {
        if is_stopped(server) {
            return Ok(Ok(()));
        }
        Ok(self.supervisor.ask(StartServer { id: server.id }).await?.map(drop))
    }

    /// Undoes [`Placement::move_on`]; the process before goes on where it still runs.
    pub(crate) async fn move_back(&self, server: &Registered) -> Result<()> {
        let count = |count: &mut u64| *count = count.saturating_sub(1);
        count(self.renewals.lock().entry(server.id).or_default());
        self.replace_processes(server).await
    }

    async fn replace_processes(&self, registered: &Registered) -> Result<()> {
        let (server, mask) = (registered.server.load_full(), Mask::clone(&registered.mask.load()));
        self.update(&server, mask, None).await?;
        self.update_isolated_of_server(server.id).await
    }
}

/// Calls those of the tools that a process lists, one after the other.
async fn asked(instance: &Arc<ServerInstance>, calls: Vec<TrialCall>, mask: &Mask) -> Vec<CanaryCall> {
    let (listed, mut asked) = (instance.definitions(), Vec::new());
    for (tool, arguments) in calls.into_iter().filter(|(tool, _)| listed.contains_key(tool)) {
        let answer = timeout(CALL_TIMEOUT, instance.call_tool(&tool, &arguments, None, None).answer()).await;
        let failure =
            answer.map_or_else(|_| Some(format!("no answer within {} s", CALL_TIMEOUT.as_secs())), failure_in);
        asked.push(CanaryCall::new(tool, failure.map(|text| payload::reason(&mask.text(&text)))));
    }
    asked
}

/// The failure that an answer tells of, in words.
fn failure_in(answer: Answer) -> Option<String> {
    match answer {
        Answer::Result(result) => mcp::tool_error_text(&result),
        Answer::Error(error) => Some(RpcError::read(&error).refusal()),
        Answer::NotSent | Answer::Unread => Some("it reads no requests".into()),
        Answer::TooLong => Some("its answer is too long".into()),
        Answer::Died(reason) => Some(format!("its process ended: {reason}")),
        Answer::TransportFailed { reason, .. } => Some(reason),
    }
}
