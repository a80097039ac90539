//! A process's beginning: spawn, watch, greet.
//!
//! A server that ends silently at `server/discover` is started once more without it, which is
//! no failure. Prompts, resources and templates are listed after readiness (`lists`); only the listing of the serving
//! process is published and stored.

use std::{io, sync::atomic::Ordering, time::Duration};

use actix::{ActorContext, AsyncContext, Context, Handler};
use futures_util::{FutureExt, Stream, future, stream};
use tokio::{io::AsyncReadExt, net::unix::pipe, sync::oneshot};

use crate::{
    mcp::{Frame, Framer},
    model::Listing,
    supervisor::{
        exit::{Exit, ExitPhase},
        exit_guard::ExitGuard,
        guard::{self, Report, Spec},
        handshake::{self, Greeted},
        list_kind::ListKind,
        messages::{ChildReady, GuardExited, GuardReported, HandshakeEnded},
        not_started,
        process::{self, Reports},
        server::{ProcessPhase, ServerActor},
        sweep::{self, INSTANCE_VARIABLE},
        temporary::Temporary,
        usage::TreeGuard,
        writer::{LineWriter, PipeWriter},
    },
};

/// Time to read the rest of the output once the process tree is gone, and for killed processes to go.
const EXIT_TIMEOUT: Duration = Duration::from_millis(100);

/// Bytes read from standard output at once.
const READ_BYTES: usize = 64 * 1024;

impl ServerActor {
    pub(super) fn start(&mut self, ctx: &mut Context<Self>) -> io::Result<()> {
        if let Some(missing) = self.launch.missing.clone() {
            // Reports the exit when it is dropped, and by then the reason is recorded.
            let _reporter = self.take_reporter();
            self.exit.record(Exit::MissingSecret(missing));
            return Err(io::ErrorKind::NotFound.into());
        }
        ctx.run_later(self.launch.start_timeout, |actor, _| {
            if actor.phase == ProcessPhase::Starting {
                let seconds = actor.launch.start_timeout.as_secs_f32();
                actor.end_now(Exit::NotReady(format!("no complete handshake within {seconds} s")));
            }
        });
        let launch = self.launch.clone();
        match &launch.remote {
            Some(target) => self.connect(target, ctx),
            None => self.spawn(ctx),
        }
    }

    fn spawn(&mut self, ctx: &mut Context<Self>) -> io::Result<()> {
        let reporter = self.take_reporter();
        let mark = format!("{}.{}", self.id, self.instance.generation);
        let egress = self.launch.egress.clone();
        let spec = of_one_process(&self.launch.spec, &mark);
        let spawned = process::spawn(&self.launch.guard, &spec, egress.is_some());
        // Before the reporter is dropped, which reports what is recorded by then.
        let process = spawned.inspect_err(|error| self.exit.record(not_started::own(error)))?;
        self.writer = Some(LineWriter::Pipe(PipeWriter::new(process.stdin)));
        self.orders = Some(process.orders);
        self.connections =
            egress.zip(process.handoff).map(|(egress, handoff)| egress.serve(handoff, self.id, self.link.clone()));
        let (stdout_open, stdout_end) = oneshot::channel();
        ctx.add_stream(frames(process.stdout, Framer::sharing(&self.lines), stdout_open));
        let output = self.link.output.clone();
        let stderr = actix::spawn(async move { output.drain(process.stderr).await });
        let output_ends = future::join(stderr, stdout_end).map(drop);
        let tree = self.link.trees.register(process.reports.guard());
        let left = (mark, spec.temporary);
        actix::spawn(watch_guard(process.reports, left, ctx.address(), output_ends, (tree, reporter)));
        Ok(())
    }

    /// Has its end reported when the actor ends, for want of a guard that does.
    pub(super) fn report_its_end(&mut self) {
        self.reporter = Some(self.take_reporter());
    }

    fn take_reporter(&mut self) -> ExitGuard {
        self.reporter.take().unwrap_or_else(|| self.exit_guard())
    }

    fn exit_guard(&self) -> ExitGuard {
        ExitGuard {
            id: self.id,
            generation: self.instance.generation,
            supervisor: self.supervisor.exited.clone(),
            reason: self.exit.clone(),
        }
    }

    pub(super) fn start_handshake(&self, ctx: &mut Context<Self>) {
        let (instance, launch, probe, addr) = (self.instance.clone(), self.launch.clone(), self.probe, ctx.address());
        actix::spawn(async move {
            addr.do_send(HandshakeEnded(handshake::negotiate(&instance, probe, &launch).await));
        });
    }
}

/// Passes the guard's reports to the actor. Outlives the actor: the exit is reported when the tree is really gone.
async fn watch_guard(
    mut reports: Reports,
    left: (String, Option<Temporary>),
    actor: actix::Addr<ServerActor>,
    output_ends: impl Future<Output = ()>,
    (tree, reporter): (TreeGuard, ExitGuard),
) {
    let mut is_running = true;
    while let Some(report) = reports.next().await {
        is_running = matches!(report, Report::Started { .. } | Report::Exceeded(_) | Report::Held { .. });
        actor.do_send(GuardReported(report));
    }
    // Before its number can be another process's.
    drop(tree);
    let fate = reports.reap().await;
    if is_running {
        reporter.reason.record(Exit::Lost(fate));
        end_unguarded(left).await;
    }
    // A process that is gone has closed its pipes, unless a stranger holds them.
    let _ = tokio::time::timeout(EXIT_TIMEOUT, output_ends).await;
    // The actor settles what is in flight before the supervisor gets the exit.
    let _ = actor.send(GuardExited).await;
    drop(reporter);
}

/// With what is each process's own: its folder for temporary files, and a variable that tells whose it is, even if all
/// of its parents are gone.
pub(in crate::supervisor) fn of_one_process(spec: &Spec, mark: &str) -> Spec {
    let mut spec = spec.clone();
    spec.env.insert(INSTANCE_VARIABLE.into(), mark.into());
    spec.temporary = spec.containment.as_ref().map(|containment| Temporary::beside(&containment.home));
    spec
}

/// Does what a guard would have done that something outside Ostler killed.
async fn end_unguarded((mark, temporary): (String, Option<Temporary>)) {
    log::warn!("a guard was killed; what it guarded is ended");
    loop {
        let mark = mark.clone();
        let found = tokio::task::spawn_blocking(move || sweep::sweep(INSTANCE_VARIABLE, &mark)).await;
        if found.unwrap_or_default() == 0 {
            break;
        }
        tokio::time::sleep(EXIT_TIMEOUT).await;
    }
    // What cannot be removed now is tried again at the next start.
    let _ = tokio::task::spawn_blocking(move || temporary.map(|temporary| temporary.remove())).await;
}

/// The lines of a pipe, as they come; drops `open` after the last.
fn frames(pipe: pipe::Receiver, framer: Framer, open: oneshot::Sender<()>) -> impl Stream<Item = Frame> {
    stream::unfold((pipe, framer, open), |(mut pipe, mut framer, open)| async move {
        loop {
            if let Some(frame) = framer.next_frame() {
                return Some((frame, (pipe, framer, open)));
            }
            framer.buffer.reserve(READ_BYTES);
            if !matches!(pipe.read_buf(&mut framer.buffer).await, Ok(1..)) {
                return None;
            }
        }
    })
}

impl Handler<GuardReported> for ServerActor {
    type Result = ();

    fn handle(&mut self, GuardReported(report): GuardReported, ctx: &mut Context<Self>) {
        match report {
            // Greeted only now: what is ready has a process id.
            Report::Started { pid } => {
                self.instance.figures.pid.store(pid, Ordering::Relaxed);
                self.start_handshake(ctx);
            }
            Report::Failed { errno, reason } => {
                self.exit.record(not_started::program(&self.launch.spec, errno, &reason));
            }
            Report::Uncontained { reason } => self.exit.record(Exit::Uncontained(reason)),
            // The end itself follows.
            Report::Exceeded(exceeded) => self.exit.record(Exit::Exceeded(exceeded)),
            Report::Held { ms } => self.on_held(ms),
            Report::Exited { code, signal } => {
                let reached = match (self.phase, self.has_sent_message) {
                    (ProcessPhase::Starting, false) => ExitPhase::BeforeMessage,
                    (ProcessPhase::Starting, true) => ExitPhase::BeforeReady,
                    (ProcessPhase::Ready | ProcessPhase::Draining | ProcessPhase::Stopping, _) => ExitPhase::Ready,
                };
                self.exit.record(Exit::Ended { code, signal, phase: reached });
                self.on_process_ended(ctx);
            }
        }
    }
}

impl Handler<HandshakeEnded> for ServerActor {
    type Result = ();

    fn handle(&mut self, HandshakeEnded(outcome): HandshakeEnded, ctx: &mut Context<Self>) {
        if self.phase != ProcessPhase::Starting {
            return;
        }
        match outcome {
            Ok(greeted) => self.become_ready(greeted, ctx),
            // The end of the output is dealt with where it is seen.
            Err(Exit::ClosedOutput) => {}
            Err(exit) => self.end_now(exit),
        }
    }
}

impl ServerActor {
    /// Takes calls from now on; without its tools with those of its predecessor.
    fn become_ready(&mut self, greeted: Greeted, ctx: &mut Context<Self>) {
        let Greeted { version, greeting, tools, skips_discovery } = greeted;
        self.phase = ProcessPhase::Ready;
        self.link.skips_discovery.store(skips_discovery, Ordering::Relaxed);
        let tools = tools.unwrap_or_else(|failure| {
            self.note_list_failure(ListKind::Tools, &failure);
            self.link.listing().unwrap_or_default().tools.clone()
        });
        self.instance.complete_handshake(Listing { version, greeting, skips_discovery, tools, ..Listing::default() });
        self.supervisor.ready.do_send(ChildReady { id: self.id, generation: self.instance.generation });
        self.fetch_remaining_lists(ctx);
    }
}

impl Handler<GuardExited> for ServerActor {
    type Result = ();

    fn handle(&mut self, _: GuardExited, ctx: &mut Context<Self>) {
        self.settle_remaining();
        ctx.stop();
    }
}

impl ServerActor {
    /// Its guard holds it to its share of the processors; the first time is worth a warning.
    fn on_held(&self, ms: u64) {
        if self.instance.figures.held_ms.swap(ms, Ordering::Relaxed) == 0 {
            self.warn("it wants more processor time than `limits.cpuPercent` allows, and is slowed down");
        }
    }

    /// Ends the whole tree at once, for this reason.
    pub(super) fn end_now(&mut self, exit: Exit) {
        self.exit.record(exit);
        self.phase = ProcessPhase::Stopping;
        if let Some(orders) = &self.orders {
            orders.send(guard::KILL);
        }
        self.requests.fail_all("the server was ended");
        self.report_lost();
    }
}
