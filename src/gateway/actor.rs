//! [`GatewayActor`]: checks every instance each interval, and at once those that requests speak against.
//!
//! | message | from | effect |
//! |---|---|---|
//! | [`TableChanged`] | `Gateway` | watches what is in the table now, and nothing else |
//! | [`Suspected`] | a lease that failed | checks the instance at once |
//! | [`CheckService`] | `Gateway::check` | checks all of a service at once; answered when all are done |
//! | `Checked` | a check's task | counts the result, plans the next check |
//! | [`Stop`] | `Gateway` | ends |

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use actix::{
    Actor, ActorContext, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message, ResponseFuture, SpawnHandle,
};
use tokio::sync::oneshot;

use crate::{
    gateway::{
        check::CheckView,
        health_change::InstanceHealthChange,
        instance::{Instance, InstanceId},
        live_table::LiveTable,
        probe,
        service::Service,
    },
    policy::{
        health::{HealthVerdict, Thresholds},
        shortage::Shortage,
    },
};

/// Time between checks of an instance that is not known to be well, where its interval is longer.
const UNSETTLED_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The services of the table changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct TableChanged;

/// Requests to an instance fail.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Suspected {
    /// The instance.
    pub instance: InstanceId,
}

/// Check every instance of a service now.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct CheckService {
    /// The service.
    pub service: Arc<Service>,
}

/// A check is done.
#[derive(Message)]
#[rtype(result = "()")]
struct Checked {
    instance: InstanceId,
    check: Result<CheckView, Shortage>,
}

/// End in good order.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Stop;

/// Checks instances; one for all of them. It reads the table and writes the health of instances, and no request waits
/// for it.
pub(super) struct GatewayActor {
    live: Weak<LiveTable>,
    watched: HashMap<InstanceId, Watched>,
    client: awc::Client,
    alarm: Option<SpawnHandle>,
    /// Used only where it ends without a [`Stop`].
    end: Option<oneshot::Sender<ActorLost>>,
}

/// The actor ended without a [`Stop`]: it panicked.
#[derive(Debug)]
pub(super) struct ActorLost;

/// An instance under watch.
struct Watched {
    service: Arc<Service>,
    instance: Arc<Instance>,
    /// Time of its next check; `None` while one is running.
    due: Option<Duration>,
    /// Callers that wait for the running check.
    waiting: Vec<oneshot::Sender<()>>,
}

impl GatewayActor {
    /// Starts one on the thread of `arbiter`. `end` completes where it ends without a [`Stop`].
    pub(super) fn start_on(
        arbiter: &ArbiterHandle,
        live: Weak<LiveTable>,
        end: oneshot::Sender<ActorLost>,
    ) -> Addr<Self> {
        Self::start_in_arbiter(arbiter, move |_| Self {
            live,
            watched: HashMap::new(),
            client: probe::client(),
            alarm: None,
            end: Some(end),
        })
    }

    fn now(&self) -> Option<Duration> {
        self.live.upgrade().map(|live| live.clock.now())
    }

    /// Checks whatever is due, and sets the alarm for what is due next.
    fn drive(&mut self, ctx: &mut Context<Self>) {
        let Some(now) = self.now() else { return };
        let address = ctx.address();
        for watched in self.watched.values_mut().filter(|watched| watched.due.is_some_and(|due| due <= now)) {
            watched.begin(self.client.clone(), address.clone());
        }
        if let Some(alarm) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        let next = self.watched.values().filter_map(|watched| watched.due).min();
        self.alarm = next.map(|due| ctx.run_later(due.saturating_sub(now), Self::drive));
    }

    /// Watches the instances of `service` but those that are drained, which may end any time; what is known of those
    /// that were watched before stays.
    fn watch(&mut self, service: &Arc<Service>, before: &mut HashMap<InstanceId, Watched>, now: Duration) {
        for instance in service.instances().filter(|instance| !instance.is_draining()) {
            let id = instance.id();
            let known = before.remove(&id).map(|watched| Watched { service: service.clone(), ..watched });
            let new = || Watched {
                service: service.clone(),
                instance: instance.clone(),
                due: Some(now),
                waiting: Vec::new(),
            };
            self.watched.insert(id, known.unwrap_or_else(new));
        }
    }
}

impl Watched {
    /// Begins a check, unless one is running.
    fn begin(&mut self, client: awc::Client, actor: Addr<GatewayActor>) {
        if self.due.take().is_none() {
            return;
        }
        let (service, instance) = (self.service.clone(), self.instance.clone());
        // Not a future of the context, which polls all of its own whenever one wakes.
        actix::spawn(async move {
            let spec = service.spec();
            let check = probe::check(client, &instance, spec.health_path(), spec.health_check.timeout).await;
            actor.do_send(Checked { instance: instance.id(), check });
        });
    }

    /// Takes the result of a check in, and plans the next one; returns the change of health, if any.
    fn end(&mut self, check: Result<CheckView, Shortage>, now: Duration) -> Option<InstanceHealthChange> {
        let change = match check {
            Ok(check) => self.judge(check, now),
            Err(reason) => {
                let (service, host, port) = (&self.service.spec().name, self.instance.host(), self.instance.port());
                log::warn!(service, host, port, reason:%; "instance not checked");
                self.instance.not_checked();
                None
            }
        };
        let interval = self.service.check_interval();
        let due = now.saturating_add(if self.instance.is_settled() {
            interval
        } else {
            interval.min(UNSETTLED_CHECK_INTERVAL)
        });
        self.instance.check_due(due);
        self.due = Some(due);
        for waiting in self.waiting.drain(..) {
            // The caller may be gone.
            let _ = waiting.send(());
        }
        change
    }

    fn judge(&self, check: CheckView, now: Duration) -> Option<InstanceHealthChange> {
        let spec = self.service.spec();
        let thresholds = Thresholds {
            healthy_after: spec.health_check.healthy_after,
            unhealthy_after: spec.health_check.unhealthy_after,
        };
        let error = check.error.clone().unwrap_or_default();
        let (service, host, port) = (spec.name.as_str(), self.instance.host(), self.instance.port());
        let healthy = match self.instance.checked(check, thresholds, now) {
            Some(HealthVerdict::Unhealthy) => {
                log::warn!(service, host, port, error; "instance unhealthy");
                Some(false)
            }
            Some(HealthVerdict::Healthy) => {
                log::info!(service, host, port; "instance healthy");
                Some(true)
            }
            Some(HealthVerdict::Unknown) | None => None,
        };
        let (service, instance) = (service.to_owned(), format!("{host}:{port}"));
        healthy.map(|healthy| InstanceHealthChange { service, instance, healthy })
    }
}

impl Actor for GatewayActor {
    type Context = Context<Self>;
}

impl Drop for GatewayActor {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            // The receiver, which would replace it, is gone with the runtime.
            let _ = end.send(ActorLost);
        }
    }
}

impl Handler<TableChanged> for GatewayActor {
    type Result = ();

    fn handle(&mut self, _: TableChanged, ctx: &mut Context<Self>) {
        let Some(live) = self.live.upgrade() else { return };
        let mut before = std::mem::take(&mut self.watched);
        for service in live.table.load().services() {
            self.watch(service, &mut before, live.clock.now());
        }
        self.drive(ctx);
    }
}

impl Handler<Suspected> for GatewayActor {
    type Result = ();

    fn handle(&mut self, Suspected { instance }: Suspected, ctx: &mut Context<Self>) {
        if let Some(watched) = self.watched.get_mut(&instance) {
            watched.due = watched.due.map(|_| Duration::ZERO);
            self.drive(ctx);
        }
    }
}

impl Handler<CheckService> for GatewayActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, CheckService { service }: CheckService, ctx: &mut Context<Self>) -> ResponseFuture<()> {
        let mut checks = Vec::new();
        for instance in service.instances() {
            let Some(watched) = self.watched.get_mut(&instance.id()) else { continue };
            let (done, check) = oneshot::channel();
            watched.waiting.push(done);
            watched.due = watched.due.map(|_| Duration::ZERO);
            checks.push(check);
        }
        self.drive(ctx);
        Box::pin(async move {
            for check in checks {
                // An instance that was removed meanwhile is checked no more.
                let _ = check.await;
            }
        })
    }
}

impl Handler<Checked> for GatewayActor {
    type Result = ();

    fn handle(&mut self, Checked { instance, check }: Checked, ctx: &mut Context<Self>) {
        let Some(live) = self.live.upgrade() else { return };
        // One that was drained since may have ended by now, and is not watched any more in a moment.
        let watched = self.watched.get_mut(&instance).filter(|watched| !watched.instance.is_draining());
        let Some(watched) = watched else { return };
        if let Some(change) = watched.end(check, live.clock.now()) {
            // There may be no subscriber.
            let _ = live.health_changes.send(change);
        }
        self.drive(ctx);
    }
}

impl Handler<Stop> for GatewayActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) {
        self.end = None;
        ctx.stop();
    }
}
