//! Commands of the runtime to the supervisor: each one sets the state wanted of a child, and `reconcile` takes the next
//! step.

use std::sync::atomic::Ordering;

use actix::{AsyncContext, Context, Handler, ResponseFuture};
use futures_util::future::{self, FutureExt};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    error::Result,
    model::ServerId,
    supervisor::{
        Supervisor,
        child::{Child, Starting},
        child_view::{ChildView, SupervisorEvent},
        messages::{
            AddServer, CheckHealth, CheckServer, CheckSupervisor, HealthChecked, NotUp, Parent, RemoveServer,
            RestartServer, ResumeAll, StartServer, StopAll, StopServer, UpdateServer, WakeServer, Wanted,
        },
        server::ServerActor,
        server_instance::ServerInstance,
        start_queue::NextStart,
    },
};

impl Supervisor {
    /// Takes the next step towards what is wanted of a child.
    pub(super) fn reconcile(&mut self, id: ServerId, ctx: &mut Context<Self>) {
        let Some(child) = self.children.get_mut(&id) else { return };
        if !child.has_process() {
            // A caller that asked for a stop has got it, even if another one asked for a start meanwhile.
            child.notify_down_waiters();
        }
        if child.wanted == Wanted::Down {
            self.starts.remove(id);
            child.cancel_wait().map(|timer| ctx.cancel_future(timer));
            child.notify_up_waiters(&Err(NotUp::Stopped));
            child.stop_processes();
        } else if child.is_up() {
            child.notify_up_waiters(&Ok(child.view()));
        } else if child.is_due() {
            self.starts.push(id);
        }
        if let Some(event) = child.publish() {
            self.emit(event);
        }
        if self.children.get(&id).is_some_and(|child| child.removed && !child.has_process()) {
            self.children.remove(&id);
        }
        self.start_next(ctx);
    }

    /// Starts as many waiting children as may start now.
    pub(super) fn start_next(&mut self, ctx: &mut Context<Self>) {
        loop {
            match self.starts.next(Instant::now()) {
                NextStart::Start(id) => self.launch(id, ctx),
                NextStart::After(wait) => {
                    ctx.run_later(wait, Self::start_next);
                    return;
                }
                NextStart::Wait => return,
            }
        }
    }

    fn launch(&mut self, id: ServerId, ctx: &mut Context<Self>) {
        let generation = self.next_generation;
        let Some(arbiter) = self.arbiter_of(generation) else { return };
        let Some(child) = self.children.get_mut(&id).filter(|child| child.is_due()) else { return };
        self.next_generation = generation.saturating_add(1);
        self.starts.add_starting(generation);
        let (launch, link) = (child.launch.clone(), child.link.clone());
        let instance = std::sync::Arc::new(ServerInstance::new(generation, launch.clone()));
        let output_start = link.output.last_seq();
        let (supervisor, lines) = (Parent::of(&ctx.address()), self.lines.clone());
        let probe = child.next_probe();
        let (permit, permitted) = mpsc::channel(1);
        let mut actor = ServerActor::new(id, instance.clone(), launch.clone(), probe, supervisor, link, lines);
        if launch.remote.is_none() || !launch.templates.is_empty() {
            actor.wait_for(permitted);
            let (launch, start) = (launch.clone(), child.next_start());
            // There is no receiver any more once the runtime is ending, and then nothing is started.
            let _ = self.events.send(SupervisorEvent::Spawning { id, launch, start, permit });
        }
        let addr = actix::Actor::start_in_arbiter(&arbiter, move |_| actor);
        child.ever_started = true;
        child.starting = Some(Starting { instance, addr, launch, output_start, since: Instant::now() });
        if let Some(event) = child.publish() {
            self.emit(event);
        }
    }

    /// Wants a child up, now rather than when its backoff or probe is due.
    fn want_up_now(&mut self, id: ServerId, ctx: &mut Context<Self>) {
        let Some(child) = self.children.get_mut(&id).filter(|_| !self.stopping) else { return };
        child.wanted = Wanted::Up;
        if child.starting.is_none() && !child.is_up() {
            child.reset_failures();
            child.cancel_wait().map(|timer| ctx.cancel_future(timer));
            self.starts.push_first(id);
        }
    }

    fn when_up(&mut self, id: ServerId, ctx: &mut Context<Self>) -> ResponseFuture<Result<ChildView, NotUp>> {
        let Some(child) = self.children.get_mut(&id) else { return future::ready(Err(NotUp::Stopped)).boxed_local() };
        let up = child.wait_up();
        self.reconcile(id, ctx);
        up.map(|outcome| outcome.unwrap_or(Err(NotUp::Stopped))).boxed_local()
    }

    fn when_down(&mut self, id: ServerId, ctx: &mut Context<Self>) -> Option<oneshot::Receiver<()>> {
        let child = self.children.get_mut(&id)?;
        child.wanted = Wanted::Down;
        let down = child.wait_down();
        self.reconcile(id, ctx);
        Some(down)
    }
}

impl Handler<AddServer> for Supervisor {
    type Result = ();

    fn handle(&mut self, add: AddServer, ctx: &mut Context<Self>) {
        let wanted = if self.stopping { Wanted::Down } else { add.wanted };
        add.link.output.set_mask(add.mask);
        self.children.insert(add.id, Child::new(add.id, add.launch, add.link, wanted));
        self.reconcile(add.id, ctx);
    }
}

impl Handler<UpdateServer> for Supervisor {
    type Result = ();

    fn handle(&mut self, update: UpdateServer, ctx: &mut Context<Self>) {
        let Some(child) = self.children.get_mut(&update.id) else { return };
        child.link.output.set_mask(update.mask);
        if child.launch != update.launch {
            // Another time to start or other callers make no other program.
            child.was_ready &= child.launch.runs_like(&update.launch);
            child.launch = update.launch;
            child.reset_failures();
            child.link.skips_discovery.store(false, Ordering::Relaxed);
            child.stop_starting();
            if child.launch.missing.is_some() {
                // There will be no successor, and what it has was taken from it.
                child.stop_processes();
            }
            child.cancel_wait().map(|timer| ctx.cancel_future(timer));
        }
        match update.wanted {
            Some(Wanted::Up) => self.want_up_now(update.id, ctx),
            Some(Wanted::Down) => child.wanted = Wanted::Down,
            None => {}
        }
        self.reconcile(update.id, ctx);
    }
}

impl Handler<RemoveServer> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, RemoveServer { id }: RemoveServer, ctx: &mut Context<Self>) -> Self::Result {
        if let Some(child) = self.children.get_mut(&id) {
            child.removed = true;
        }
        let down = self.when_down(id, ctx);
        future::OptionFuture::from(down).map(drop).boxed_local()
    }
}

impl Handler<StartServer> for Supervisor {
    type Result = ResponseFuture<Result<ChildView, NotUp>>;

    fn handle(&mut self, StartServer { id }: StartServer, ctx: &mut Context<Self>) -> Self::Result {
        self.want_up_now(id, ctx);
        self.when_up(id, ctx)
    }
}

impl Handler<WakeServer> for Supervisor {
    type Result = ();

    fn handle(&mut self, WakeServer { id }: WakeServer, ctx: &mut Context<Self>) {
        if let Some(child) = self.children.get_mut(&id).filter(|child| child.is_unreached()) {
            child.cancel_wait().map(|timer| ctx.cancel_future(timer));
            self.reconcile(id, ctx);
        }
    }
}

impl Handler<StopServer> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, StopServer { id }: StopServer, ctx: &mut Context<Self>) -> Self::Result {
        let down = self.when_down(id, ctx);
        future::OptionFuture::from(down).map(drop).boxed_local()
    }
}

impl Handler<RestartServer> for Supervisor {
    type Result = ResponseFuture<Result<ChildView, NotUp>>;

    fn handle(&mut self, RestartServer { id }: RestartServer, ctx: &mut Context<Self>) -> Self::Result {
        // A process that is still starting is as fresh as a restart could make it.
        if let Some(child) = self.children.get_mut(&id).filter(|child| child.starting.is_none()) {
            child.stop_processes();
        }
        self.want_up_now(id, ctx);
        self.when_up(id, ctx)
    }
}

impl Handler<CheckServer> for Supervisor {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, CheckServer { id }: CheckServer, ctx: &mut Context<Self>) -> Self::Result {
        match self.children.get(&id) {
            Some(child) => check(child, CheckHealth::OnDemand, ctx).boxed_local(),
            None => future::ready(false).boxed_local(),
        }
    }
}

impl Handler<CheckSupervisor> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: CheckSupervisor, _: &mut Context<Self>) {}
}

impl Handler<StopAll> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StopAll, ctx: &mut Context<Self>) -> Self::Result {
        self.stopping = true;
        let ids: Vec<_> = self.children.keys().copied().collect();
        let downs: Vec<_> = ids.into_iter().filter_map(|id| self.when_down(id, ctx)).collect();
        future::join_all(downs).map(drop).boxed_local()
    }
}

impl Handler<ResumeAll> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: ResumeAll, _: &mut Context<Self>) {
        self.stopping = false;
    }
}

impl Supervisor {
    /// Checks every child, once in each interval. Armed again each time: ticks that were missed while the machine slept
    /// must not come all at once, or one late answer would be three misses.
    pub(super) fn tick(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(self.settings.health_check_interval, Self::tick);
        for child in self.children.values() {
            actix::spawn(check(child, CheckHealth::Periodic, ctx));
        }
    }
}

/// Asks a child's process for its health, and reports it.
fn check(child: &Child, occasion: CheckHealth, ctx: &Context<Supervisor>) -> impl Future<Output = bool> + use<> {
    let serving = child.serving.as_ref().filter(|serving| !serving.lost);
    let target = serving.map(|serving| (serving.addr.clone(), serving.instance.generation));
    let (id, supervisor) = (child.id, ctx.address());
    async move {
        let Some((addr, generation)) = target else { return false };
        let healthy = addr.send(occasion).await.unwrap_or(false);
        supervisor.do_send(HealthChecked { id, generation, healthy });
        healthy
    }
}
