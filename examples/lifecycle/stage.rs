//! [`Stage`]: carries out steps with a runtime in this process.

use std::{collections::BTreeMap, path::Path, time::Duration};

use ostler::{
    Runtime,
    calls::CallRequest,
    model::{RuntimeStatus, ServerConfig, ServerId, Status},
};
use tokio::time::timeout;

use crate::{
    expectation::Failure,
    load::RunningLoad,
    processes,
    script::{Action, Call, Crash, Load, Step, Update},
};

/// Time for the processes of servers that were stopped to be gone.
const END_WITHIN: Duration = Duration::from_secs(10);

/// A runtime, and the servers of the script.
pub struct Stage {
    runtime: Runtime,
    servers: BTreeMap<String, Subject>,
}

/// A server of the script.
struct Subject {
    id: ServerId,
    /// The process that was to be replaced last.
    replaced: Option<u32>,
    load: Option<RunningLoad>,
}

impl Stage {
    /// Starts a runtime with its data in `folder`.
    pub async fn set(folder: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let runtime = Runtime::builder().data_dir(folder).start().await?;
        Ok(Self { runtime, servers: BTreeMap::new() })
    }

    /// Carries out a step; returns what else is worth a word.
    pub async fn carry_out(&mut self, step: &Step) -> Result<String, Failure> {
        if let Action::Register(config) = &step.action {
            return self.register(config).await;
        }
        let runtime = &self.runtime;
        let missing = || Failure::new("a registered server", "none");
        let subject = self.servers.get_mut(&step.server).ok_or_else(missing)?;
        match &step.action {
            // Done above.
            Action::Register(_) => Ok(String::new()),
            Action::Wait(wait) => {
                let wanted = wait.status.status();
                let reached = |status: &RuntimeStatus| status.status == wanted;
                let status = subject.wait(runtime, &format!("it {}", word(wanted)), wait.within, reached).await?;
                Ok(process(&status))
            }
            Action::Call(call) => subject.call(runtime, call).await,
            Action::Crash(crash) => subject.crash(runtime, crash).await,
            Action::Recover(recover) => subject.recover(runtime, recover.within).await,
            Action::Update(update) => subject.update(runtime, update).await,
            Action::Load(load) => subject.begin_load(runtime, load),
            Action::Drain(drain) => match subject.load.take() {
                Some(load) => load.drain(drain.within).await,
                None => Err(Failure::new("a load", "none: put a step with do = \"load\" before it")),
            },
            Action::Stop(stop) => subject.stop(runtime, stop.within).await,
            Action::NoProcess(no_process) => processes::all_gone(&[subject.id], no_process.within).await,
        }
    }

    /// Drains what still runs and stops everything; no process may be left.
    pub async fn strike(mut self) -> Result<String, Failure> {
        let mut drained = Ok(String::new());
        for load in self.servers.values_mut().filter_map(|subject| subject.load.take()) {
            drained = drained.and(load.drain(END_WITHIN).await);
        }
        self.runtime.stop().await;
        let ids: Vec<_> = self.servers.values().map(|subject| subject.id).collect();
        let gone = processes::all_gone(&ids, END_WITHIN).await;
        drained.and(gone)
    }

    async fn register(&mut self, config: &ServerConfig) -> Result<String, Failure> {
        let created = self.runtime.servers().create(self.runtime.embedder(), config.clone()).await;
        let id = created.map_err(|error| Failure::error("a configuration that can be registered", &error))?.server.id;
        self.servers.insert(config.name.clone(), Subject { id, replaced: None, load: None });
        Ok(String::new())
    }
}

impl Subject {
    /// Waits for a status. One that is given up does not come up again by itself soon, so that is not waited for.
    async fn wait(
        &self,
        runtime: &Runtime,
        expected: &str,
        within: Duration,
        reached: impl Fn(&RuntimeStatus) -> bool,
    ) -> Result<RuntimeStatus, Failure> {
        let settled = |status: &RuntimeStatus| reached(status) || status.status == Status::Failed;
        let waiting = runtime.servers().wait_until(runtime.embedder(), self.id, settled);
        let status = match timeout(within, waiting).await {
            Ok(status) => status.map_err(|error| Failure::error(expected, &error))?,
            Err(_) => self.status(runtime)?,
        };
        let failure = || Failure::new(format!("{expected} within {within:?}"), seen(&status));
        if reached(&status) { Ok(status) } else { Err(failure()) }
    }

    fn status(&self, runtime: &Runtime) -> Result<RuntimeStatus, Failure> {
        let details = runtime.servers().get(runtime.embedder(), self.id);
        Ok(details.map_err(|error| Failure::error("a registered server", &error))?.runtime_status)
    }

    async fn call(&self, runtime: &Runtime, call: &Call) -> Result<String, Failure> {
        let request = CallRequest::new(&call.tool, &call.arguments).timeout(call.within);
        let outcome = runtime.calls().call(runtime.embedder(), self.id, request).await;
        call.expect.check(&outcome).map(|()| String::new())
    }

    fn begin_load(&mut self, runtime: &Runtime, load: &Load) -> Result<String, Failure> {
        if self.load.is_some() {
            return Err(Failure::new("one load at a time", "a second: put a step with do = \"drain\" before it"));
        }
        self.load = Some(RunningLoad::begin(runtime, self.id, load));
        Ok(format!("{} callers", load.callers))
    }

    async fn crash(&mut self, runtime: &Runtime, crash: &Crash) -> Result<String, Failure> {
        let running = |status: &RuntimeStatus| status.status == Status::Running;
        let before = self.wait(runtime, "a process to crash", crash.within, running).await?;
        self.replaced = before.pid;
        let mut expected = format!("{} to end", process(&before));
        if let Some(tool) = &crash.tool {
            let request = CallRequest::new(tool, &crash.arguments).timeout(crash.within);
            let outcome = runtime.calls().call(runtime.embedder(), self.id, request).await;
            let answer = outcome.map_or_else(|error| error.to_string(), |answer| answer.text());
            expected = format!("{expected} by {tool}, which said {answer:?},");
        } else if let Some(pid) = before.pid {
            processes::kill(pid).map_err(|error| Failure::new(&expected, error))?;
        }
        // The report of the exit comes a moment after the end of the process.
        let ended = |status: &RuntimeStatus| status.pid != before.pid && status.last_exit != before.last_exit;
        let status = self.wait(runtime, &expected, crash.within, ended).await?;
        Ok(status.last_exit.map(|exit| exit.reason).unwrap_or_default())
    }

    /// Waits for a process that is ready, and is not the one that was to be replaced.
    async fn recover(&self, runtime: &Runtime, within: Duration) -> Result<String, Failure> {
        let replaced = self.replaced;
        let recovered = move |status: &RuntimeStatus| status.status == Status::Running && status.pid != replaced;
        Ok(process(&self.wait(runtime, "another process that is ready", within, recovered).await?))
    }

    async fn update(&mut self, runtime: &Runtime, update: &Update) -> Result<String, Failure> {
        self.replaced = self.status(runtime)?.pid;
        let updated = runtime.servers().update(runtime.embedder(), self.id, update.change(), None).await;
        updated.map_err(|error| Failure::error("a change that can be made", &error))?;
        self.recover(runtime, update.within).await
    }

    async fn stop(&self, runtime: &Runtime, within: Duration) -> Result<String, Failure> {
        let stopping = runtime.servers().stop(runtime.embedder(), self.id);
        match timeout(within, stopping).await {
            Ok(Ok(_)) => Ok(String::new()),
            Ok(Err(error)) => Err(Failure::error("it to stop", &error)),
            Err(_) => Err(Failure::new(format!("it stopped within {within:?}"), seen(&self.status(runtime)?))),
        }
    }
}

fn word(status: Status) -> String {
    format!("{status:?}").to_lowercase()
}

fn process(status: &RuntimeStatus) -> String {
    status.pid.map(|pid| format!("process {pid}")).unwrap_or_default()
}

/// A status in words, with the last words of the process before.
fn seen(status: &RuntimeStatus) -> String {
    let mut text = [word(status.status), process(status)].join(" ").trim_end().to_owned();
    if let Some(exit) = &status.last_exit {
        text += &format!("; the last process {}", exit.reason);
        text.extend(exit.stderr.iter().map(|line| format!("\n| {line}")));
    }
    text
}
