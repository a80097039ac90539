//! A process's beginning: spawn, watch, greet.
//!
//! A server that ends silently when it is asked `server/discover` is started once more without the question, which is
//! no failure. Prompts, resources and templates are listed after readiness (`lists`); only the listing of the serving
//! process is published and stored.

use std::{io, sync::atomic::Ordering, time::Duration};

use actix::{ActorContext, AsyncContext, Context, Handler};
use futures_util::{Stream, stream};
use tokio::{io::AsyncReadExt, net::unix::pipe};

use crate::{
    mcp::{Frame, Framer},
    supervisor::{
        exit::{Exit, Reached},
        exit_guard::ExitGuard,
        guard::{self, Report, Spec},
        handshake,
        messages::{ChildReady, GuardGone, GuardSaid, HandshakeEnded},
        process::{self, Reports},
        server::{Phase, ServerActor},
        sweep::{self, INSTANCE_VARIABLE},
        usage::Held,
        writer::{PipeWriter, Writer},
    },
};

/// Time to read the rest of standard error once the process tree is gone, and for killed processes to go.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Bytes read from standard output at once.
const READ: usize = 64 * 1024;

impl ServerActor {
    pub(super) fn start(&mut self, ctx: &mut Context<Self>) -> io::Result<()> {
        ctx.run_later(self.launch.start_timeout, |actor, _| {
            if actor.phase == Phase::Starting {
                let seconds = actor.launch.start_timeout.as_secs_f32();
                actor.end_now(Exit::NotReady(format!("no complete handshake within {seconds} s")));
            }
        });
        let launch = self.launch.clone();
        match &launch.remote {
            Some(target) => self.reach(target, ctx),
            None => self.spawn(ctx),
        }
    }

    fn spawn(&mut self, ctx: &mut Context<Self>) -> io::Result<()> {
        let reporter = self.exit_guard();
        let mark = format!("{}.{}", self.id, self.instance.generation);
        let process = process::spawn(&self.launch.guard, &marked(&self.launch.spec, &mark))?;
        self.writer = Some(Writer::Pipe(PipeWriter::new(process.stdin)));
        self.orders = Some(process.orders);
        ctx.add_stream(frames(process.stdout, Framer::sharing(&self.lines)));
        let output = self.link.output.clone();
        let errors = actix::spawn(async move { output.drain(process.stderr).await });
        let tree = self.link.trees.hold(process.reports.guard());
        actix::spawn(watch(process.reports, mark, ctx.address(), errors, (tree, reporter)));
        Ok(())
    }

    pub(super) fn exit_guard(&self) -> ExitGuard {
        ExitGuard {
            id: self.id,
            generation: self.instance.generation,
            supervisor: self.supervisor.exited.clone(),
            reason: self.exit.clone(),
        }
    }

    pub(super) fn greet(&self, ctx: &mut Context<Self>) {
        let (instance, launch, probe, addr) = (self.instance.clone(), self.launch.clone(), self.probe, ctx.address());
        actix::spawn(async move {
            addr.do_send(HandshakeEnded(handshake::greet(&instance, probe, &launch.sharing).await));
        });
    }
}

/// Tells the actor what the guard says. Outlives the actor: the exit is reported when the tree is really gone.
async fn watch(
    mut reports: Reports,
    mark: String,
    actor: actix::Addr<ServerActor>,
    errors: tokio::task::JoinHandle<()>,
    (tree, reporter): (Held, ExitGuard),
) {
    let mut unfinished = true;
    while let Some(report) = reports.next().await {
        unfinished = matches!(report, Report::Started { .. });
        actor.do_send(GuardSaid(report));
    }
    // Before its number can be another process's.
    drop(tree);
    reports.reap().await;
    if unfinished {
        end_unguarded(mark).await;
    }
    // A process that is gone has closed its pipe, unless a stranger holds it.
    let _ = tokio::time::timeout(LAST_WORDS, errors).await;
    // The actor settles what is in flight before the supervisor hears of the exit.
    let _ = actor.send(GuardGone).await;
    drop(reporter);
}

/// The environment of a process tells whose it is, even if all of its parents are gone.
fn marked(spec: &Spec, mark: &str) -> Spec {
    let mut spec = spec.clone();
    spec.env.insert(INSTANCE_VARIABLE.into(), mark.into());
    spec
}

/// Does what a guard would have done that something outside Ostler killed.
async fn end_unguarded(mark: String) {
    log::warn!("a guard was killed; what it guarded is ended");
    loop {
        let mark = mark.clone();
        let found = tokio::task::spawn_blocking(move || sweep::sweep(INSTANCE_VARIABLE, &mark)).await;
        if found.unwrap_or_default() == 0 {
            return;
        }
        tokio::time::sleep(LAST_WORDS).await;
    }
}

/// The lines of a pipe, as they come.
fn frames(pipe: pipe::Receiver, framer: Framer) -> impl Stream<Item = Frame> {
    stream::unfold((pipe, framer), |(mut pipe, mut framer)| async move {
        loop {
            if let Some(frame) = framer.next_frame() {
                return Some((frame, (pipe, framer)));
            }
            framer.buffer.reserve(READ);
            if !matches!(pipe.read_buf(&mut framer.buffer).await, Ok(1..)) {
                return None;
            }
        }
    })
}

impl Handler<GuardSaid> for ServerActor {
    type Result = ();

    fn handle(&mut self, GuardSaid(report): GuardSaid, ctx: &mut Context<Self>) {
        match report {
            // Greeted only now: what is ready has a process id.
            Report::Started { pid } => {
                self.instance.figures.pid.store(pid, Ordering::Relaxed);
                self.greet(ctx);
            }
            Report::Failed { errno, reason } => self.exit.note(Exit::NotStarted { errno, reason }),
            Report::Exited { code, signal } => {
                let reached = match (self.phase, self.last_heard) {
                    (Phase::Starting, None) => Reached::Nothing,
                    (Phase::Starting, Some(_)) => Reached::Words,
                    (Phase::Ready | Phase::Draining | Phase::Stopping, _) => Reached::Readiness,
                };
                self.exit.note(Exit::Ended { code, signal, reached });
                self.process_ended(ctx);
            }
        }
    }
}

impl Handler<HandshakeEnded> for ServerActor {
    type Result = ();

    fn handle(&mut self, HandshakeEnded(outcome): HandshakeEnded, ctx: &mut Context<Self>) {
        if self.phase != Phase::Starting {
            return;
        }
        match outcome {
            Ok(listing) => {
                self.phase = Phase::Ready;
                self.instance.greeted(listing);
                self.supervisor.ready.do_send(ChildReady { id: self.id, generation: self.instance.generation });
                self.list_the_rest(ctx);
            }
            // The end of the output is dealt with where it is seen.
            Err(Exit::ClosedOutput) => {}
            Err(exit) => self.end_now(exit),
        }
    }
}

impl Handler<GuardGone> for ServerActor {
    type Result = ();

    fn handle(&mut self, _: GuardGone, ctx: &mut Context<Self>) {
        self.settle_the_rest();
        self.exit.note(Exit::Lost);
        ctx.stop();
    }
}

impl ServerActor {
    /// Ends the whole tree at once, for this reason.
    pub(super) fn end_now(&mut self, exit: Exit) {
        self.exit.note(exit);
        self.phase = Phase::Stopping;
        if let Some(orders) = &self.orders {
            orders.give(guard::KILL);
        }
        self.requests.fail_all("the server was ended");
        self.lost();
    }
}
