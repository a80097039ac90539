//! Cases that need other settings or a defect in an actor: given up, forgiven, forced to panic; with real processes.

mod clients;
mod limits;
#[cfg(feature = "remote")]
mod remote;
mod strict;

use std::{path::PathBuf, sync::Arc, time::Duration};

use actix::{Arbiter, Context, Handler, Message};

use super::{
    guard::Spec,
    launch::Sharing,
    messages::{AddServer, Answer, StopAll, Wanted},
    *,
};
use crate::{
    model::{Limits, Protocol, Status},
    policy::{mask::Mask, value_template::Templates},
};

/// Panics in the actor that gets it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Panic;

/// Blocks the actor that gets it until the other end is dropped.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Block(pub(crate) std::sync::mpsc::Receiver<()>);

impl Handler<Block> for Supervisor {
    type Result = ();

    fn handle(&mut self, Block(released): Block, _: &mut Context<Self>) {
        let _ = released.recv();
    }
}

/// Panics in the actors of serving processes; answers once they have.
#[derive(Message)]
#[rtype(result = "()")]
struct PanicWhileServing;

impl Handler<PanicWhileServing> for Supervisor {
    type Result = actix::ResponseFuture<()>;

    fn handle(&mut self, _: PanicWhileServing, _: &mut Context<Self>) -> Self::Result {
        let serving = self.children.values().filter_map(|child| child.serving.as_ref());
        let panics: Vec<_> = serving.map(|serving| serving.addr.send(Panic)).collect();
        Box::pin(async move {
            for panic in panics {
                assert!(panic.await.is_err());
            }
        })
    }
}

impl Handler<Panic> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("forced");
    }
}

/// Panics in the actor of each process that is in its handshake.
#[derive(Message)]
#[rtype(result = "()")]
struct PanicInHandshake;

impl Handler<PanicInHandshake> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: PanicInHandshake, _: &mut Context<Self>) {
        self.children.values().filter_map(|child| child.starting.as_ref()).for_each(|child| child.addr.do_send(Panic));
    }
}

impl Handler<Panic> for ServerActor {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("forced");
    }
}

/// The program beside the test's own; `cargo test` builds it first.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("ostler")
}

fn launch() -> Arc<Launch> {
    run(&program().display().to_string(), &["demo-server"])
}

fn run(program_to_run: &str, args: &[&str]) -> Arc<Launch> {
    let spec = Spec {
        program: program_to_run.into(),
        args: args.iter().map(ToString::to_string).collect(),
        env: std::collections::BTreeMap::new(),
        dir: std::env::temp_dir(),
        cwd: None,
        seclusion: None,
        containment: None,
        own_folder: None,
        temporary: None,
        limits: Limits::default(),
    };
    Arc::new(Launch {
        renewals: 0,
        package: None,
        egress: None,
        sandbox: None,
        spec,
        remote: None,
        missing: None,
        templates: Templates::default(),
        sharing: Sharing::Shared,
        guard: program(),
        protocol: Protocol::Auto,
        start_timeout: Duration::from_secs(30),
        stop_grace: (Duration::from_secs(2), Duration::from_secs(3)),
        ping_timeout: Duration::from_secs(5),
    })
}

struct Supervised {
    id: ServerId,
    supervisor: Addr<Supervisor>,
    link: Link,
    events: mpsc::UnboundedReceiver<SupervisorEvent>,
    arbiter: Arbiter,
}

async fn supervised() -> Supervised {
    supervised_as(RestartPolicy::default(), launch()).await
}

async fn supervised_as(restart: RestartPolicy, launch: Arc<Launch>) -> Supervised {
    let arbiter = Arbiter::new();
    let settings = SupervisorSettings {
        restart: RestartPolicy { base: Duration::from_millis(20), ..restart },
        health_check_interval: Duration::from_secs(30),
        max_starting: 8,
        drain: Duration::from_secs(1),
    };
    let (sender, reported) = mpsc::unbounded_channel();
    let events = on_record(reported);
    let supervisor = Supervisor::start(settings, vec![arbiter.handle()], sender).unwrap();
    let link = Link::default();
    let id = ServerId::new();
    let add = AddServer { id, launch, mask: Mask::default(), wanted: Wanted::Up, link: link.clone() };
    supervisor.send(add).await.unwrap();
    Supervised { id, supervisor, link, events, arbiter }
}

/// Puts every start on record at once, and passes on all else.
fn on_record(mut reported: mpsc::UnboundedReceiver<SupervisorEvent>) -> mpsc::UnboundedReceiver<SupervisorEvent> {
    let (sender, events) = mpsc::unbounded_channel();
    actix::spawn(async move {
        while let Some(event) = reported.recv().await {
            if let SupervisorEvent::Spawning { launch, permit, .. } = &event {
                let _ = permit.try_send(Ok(StartPermit { launch: launch.clone(), mask: Mask::default() }));
            } else {
                let _ = sender.send(event);
            }
        }
    });
    events
}

impl Supervised {
    /// The process that serves and is not `other`.
    async fn serving(&self, other: Option<u32>) -> (Arc<ServerInstance>, u32) {
        let mut view = self.link.view.clone();
        let is_up = |view: &ChildView| view.status == Status::Running && view.runtime_status().pid != other;
        let view = tokio::time::timeout(Duration::from_secs(30), view.wait_for(is_up)).await.unwrap().unwrap().clone();
        let Availability::Ready(instance) = &view.availability else { panic!("running, but not ready") };
        (instance.clone(), view.runtime_status().pid.unwrap())
    }

    async fn until(&self, reached: impl FnMut(&ChildView) -> bool) -> ChildView {
        let mut view = self.link.view.clone();
        tokio::time::timeout(Duration::from_secs(30), view.wait_for(reached)).await.unwrap().unwrap().clone()
    }

    async fn end(self) {
        self.supervisor.send(StopAll).await.unwrap();
        self.arbiter.stop();
    }

    async fn next_event(&mut self) -> SupervisorEvent {
        tokio::time::timeout(Duration::from_secs(30), self.events.recv()).await.unwrap().unwrap()
    }
}

async fn is_gone(pid: u32) -> bool {
    for _ in 0..300 {
        if !std::path::Path::new(&format!("/proc/{pid}")).exists() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[actix::test]
async fn a_panic_in_a_servers_actor_ends_its_process_and_starts_another() {
    let supervised = supervised().await;
    let (_, first) = supervised.serving(None).await;
    supervised.supervisor.send(PanicWhileServing).await.unwrap();
    let (_, second) = supervised.serving(Some(first)).await;
    assert!(is_gone(first).await, "the first process is left");
    supervised.supervisor.send(StopAll).await.unwrap();
    assert!(is_gone(second).await, "the second process is left");
    supervised.arbiter.stop();
}

#[actix::test]
async fn a_panic_in_a_servers_actor_fails_the_call_in_flight_at_once() {
    let supervised = supervised().await;
    let (instance, _) = supervised.serving(None).await;
    let arguments = serde_json::value::to_raw_value(&serde_json::json!({"ms": 60_000})).unwrap();
    let mut call = instance.call_tool("sleep", &arguments, None, None);
    supervised.supervisor.send(PanicWhileServing).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(10), call.answer()).await.expect("it waits for ever");
    assert!(matches!(answer, Answer::Died(_)), "{answer:?}");
    supervised.end().await;
}

#[actix::test]
async fn a_panic_in_a_servers_actor_during_the_handshake_is_a_failed_start() {
    let supervised =
        supervised_as(RestartPolicy { max_retries: 1, ..Default::default() }, run("sleep", &["600"])).await;
    let panics = async {
        loop {
            supervised.supervisor.send(PanicInHandshake).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let view = tokio::select! {
        view = supervised.until(|view| view.status == Status::Failed) => view,
        () = panics => unreachable!(),
    };
    assert_eq!((view.restarts, view.last_exit.unwrap().reason.as_str()), (1, "was lost: a defect ended its actor"));
    supervised.end().await;
}

#[actix::test]
async fn a_panic_in_the_supervisor_is_reported_and_leaves_no_process() {
    let mut supervised = supervised().await;
    let (_, pid) = supervised.serving(None).await;
    assert!(supervised.supervisor.send(Panic).await.is_err());
    while !matches!(supervised.next_event().await, SupervisorEvent::SupervisorLost) {}
    assert!(is_gone(pid).await, "its process is left");
    supervised.arbiter.stop();
}

#[actix::test]
async fn a_guard_that_cannot_be_started_is_named_as_the_reason() {
    let unguarded = Launch { guard: "/no/such/guard".into(), ..Launch::clone(&launch()) };
    let supervised = supervised_as(RestartPolicy { max_retries: 1, ..Default::default() }, Arc::new(unguarded)).await;
    let view = supervised.until(|view| view.status == Status::Failed).await;
    let reason = view.last_exit.unwrap().reason;
    assert_eq!(reason, "could not be started: No such file or directory (os error 2)");
    supervised.end().await;
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[actix::test]
async fn a_server_that_serves_a_while_between_crashes_is_never_given_up() {
    let forgiving = RestartPolicy { max_retries: 1, forgive_after: Duration::from_millis(50), ..Default::default() };
    let supervised = supervised_as(forgiving, launch()).await;
    let mut last = None;
    for _ in 0..5 {
        let (_, pid) = supervised.serving(last).await;
        tokio::time::sleep(forgiving.forgive_after).await;
        kill(pid);
        last = Some(pid);
    }
    supervised.serving(last).await;
    supervised.end().await;
}

#[actix::test]
async fn a_server_that_crashes_again_too_soon_is_given_up() {
    let supervised = supervised_as(RestartPolicy { max_retries: 1, ..Default::default() }, launch()).await;
    let (_, first) = supervised.serving(None).await;
    kill(first);
    let (_, second) = supervised.serving(Some(first)).await;
    kill(second);
    let view = supervised.until(|view| view.status == Status::Failed).await;
    assert!(view.next_attempt_at.is_some() && view.restarts == 1);
    supervised.end().await;
}

#[actix::test]
async fn a_server_that_was_given_up_is_tried_again_by_and_by() {
    let mended = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
    let script = format!("[ -e {} ] && exec {} demo-server; exit 1", mended.display(), program().display());
    let policy = RestartPolicy { max_retries: 1, probe_every: Duration::from_millis(300), ..Default::default() };
    let supervised = supervised_as(policy, run("sh", &["-c", &script])).await;
    supervised.until(|view| view.status == Status::Failed).await;
    std::fs::write(&mended, "").unwrap();
    supervised.serving(None).await;
    supervised.end().await;
    std::fs::remove_file(mended).unwrap();
}

#[actix::test]
async fn a_server_that_never_answers_is_ended_at_its_deadline() {
    let mute = Launch { start_timeout: Duration::from_millis(200), ..Launch::clone(&run("sleep", &["600"])) };
    let supervised = supervised_as(RestartPolicy { max_retries: 1, ..Default::default() }, Arc::new(mute)).await;
    let view = supervised.until(|view| view.status == Status::Failed).await;
    let reason = view.last_exit.unwrap().reason;
    assert!(reason.contains("no complete handshake within 0.2 s"), "{reason}");
    assert_eq!(view.restarts, 1);
    supervised.end().await;
}
