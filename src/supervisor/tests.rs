//! Panics, which no outside act can provoke: forced in each actor, with real processes below it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use actix::{Arbiter, Context, Handler, Message};

use super::{
    guard::Spec,
    messages::{AddServer, StopAll, Wanted},
    *,
};
use crate::{model::Status, policy::mask::Mask};

/// Panics in the actor that gets it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Panic;

impl Handler<Panic> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("forced");
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
    let spec = Spec {
        program: program().display().to_string(),
        args: vec!["demo-server".into()],
        env: std::collections::BTreeMap::new(),
        dir: std::env::temp_dir(),
    };
    Arc::new(Launch {
        spec,
        guard: program(),
        start_timeout: Duration::from_secs(30),
        stop_grace: (Duration::from_secs(2), Duration::from_secs(3)),
        ping_timeout: Duration::from_secs(5),
    })
}

struct Supervised {
    supervisor: Addr<Supervisor>,
    link: Link,
    events: mpsc::UnboundedReceiver<Event>,
    arbiter: Arbiter,
}

async fn supervised() -> Supervised {
    let arbiter = Arbiter::new();
    let settings = SupervisorSettings {
        restart: RestartPolicy { base: Duration::from_millis(20), ..RestartPolicy::default() },
        health_check_interval: Duration::from_secs(30),
        max_starting: 8,
        drain: Duration::from_secs(1),
    };
    let (sender, events) = mpsc::unbounded_channel();
    let supervisor = Supervisor::start(settings, vec![arbiter.handle()], sender).unwrap();
    let link = Link::default();
    let add = AddServer {
        id: ServerId::new(),
        launch: launch(),
        mask: Mask::default(),
        wanted: Wanted::Up,
        link: link.clone(),
    };
    supervisor.send(add).await.unwrap();
    Supervised { supervisor, link, events, arbiter }
}

impl Supervised {
    /// The process that serves and is not `other`.
    async fn serving(&self, other: Option<u32>) -> (Arc<Instance>, u32) {
        let mut view = self.link.view.clone();
        let is_up = |view: &ChildView| view.status == Status::Running && view.runtime_status().pid != other;
        let view = tokio::time::timeout(Duration::from_secs(30), view.wait_for(is_up)).await.unwrap().unwrap().clone();
        let Availability::Ready(instance) = &view.availability else { panic!("running, but not ready") };
        (instance.clone(), view.runtime_status().pid.unwrap())
    }

    async fn next_event(&mut self) -> Event {
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
    let (instance, first) = supervised.serving(None).await;
    assert!(instance.addr().unwrap().send(Panic).await.is_err());
    let (_, second) = supervised.serving(Some(first)).await;
    assert!(is_gone(first).await, "the first process is left");
    supervised.supervisor.send(StopAll).await.unwrap();
    assert!(is_gone(second).await, "the second process is left");
    supervised.arbiter.stop();
}

#[actix::test]
async fn a_panic_in_the_supervisor_is_reported_and_leaves_no_process() {
    let mut supervised = supervised().await;
    let (_, pid) = supervised.serving(None).await;
    assert!(supervised.supervisor.send(Panic).await.is_err());
    while !matches!(supervised.next_event().await, Event::SupervisorLost) {}
    assert!(is_gone(pid).await, "its process is left");
    supervised.arbiter.stop();
}
