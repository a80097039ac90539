//! Reactions of the supervisor to the reports of its children.

use std::time::Duration;

use actix::{AsyncContext, Context, Handler};
use tokio::time::Instant;

use crate::{
    model::{ServerId, Status, TimelineLevel, Timestamp},
    policy::{
        hint, payload,
        restart::{Decision, FailureClass},
    },
    supervisor::{
        Supervisor,
        child::{Child, Idle, Serving},
        child_view::SupervisorEvent,
        exit::Exit,
        messages::{ChildExited, ChildListed, ChildLost, ChildReady, HealthChecked, NotUp, StopInstance},
    },
};

impl Handler<ChildReady> for Supervisor {
    type Result = ();

    fn handle(&mut self, ready: ChildReady, ctx: &mut Context<Self>) {
        self.starts.remove_starting(ready.generation);
        let (drain, events) = (self.settings.drain, self.events.clone());
        self.with_child(ready.id, ctx, |child| {
            let Some(starting) = child.starting.take_if(|starting| starting.instance.generation == ready.generation)
            else {
                return;
            };
            log::info!(server:% = ready.id, revision = starting.instance.version(); "server ready");
            let serving = Serving {
                instance: starting.instance,
                addr: starting.addr,
                launch: starting.launch,
                output_start: starting.output_start,
                since: Instant::now(),
                lost: false,
                events,
            };
            child.was_ready = true;
            child.healthy = true;
            child.unreached = 0;
            child.checked_at = Some(Timestamp::now());
            if let Some(old) = child.serving.replace(serving) {
                old.addr.do_send(StopInstance { drain });
                child.ending.push(old.instance.generation);
            }
        });
        // Not before the view shows it: a watcher that came meanwhile has notified its predecessor.
        if let Some(child) = self.children.get(&ready.id) {
            child.link.sync_watches();
        }
    }
}

impl Handler<ChildListed> for Supervisor {
    type Result = ();

    fn handle(&mut self, ChildListed { id, generation, listing }: ChildListed, _: &mut Context<Self>) {
        let Some(child) = self.children.get(&id) else { return };
        let current = child.serving.as_ref().is_some_and(|serving| serving.instance.generation == generation);
        if current && child.link.publish_listing(&listing) {
            self.emit(SupervisorEvent::Listed { id, listing });
        }
    }
}

impl Handler<ChildLost> for Supervisor {
    type Result = ();

    fn handle(&mut self, report: ChildLost, ctx: &mut Context<Self>) {
        self.with_child(report.id, ctx, |child| {
            let serving = child.serving.as_mut();
            if let Some(serving) = serving.filter(|serving| serving.instance.generation == report.generation) {
                serving.lost = true;
            }
        });
    }
}

impl Handler<HealthChecked> for Supervisor {
    type Result = ();

    fn handle(&mut self, report: HealthChecked, ctx: &mut Context<Self>) {
        let (restart, events) = (self.settings.restart, self.events.clone());
        self.with_child(report.id, ctx, |child| {
            let serving = child.serving.as_ref().filter(|serving| serving.instance.generation == report.generation);
            let Some(serving) = serving else { return };
            let well = report.healthy && restart.remembered(child.failures, serving.since.elapsed()) == 0;
            child.healthy = report.healthy;
            child.checked_at = Some(Timestamp::now());
            if well && child.failing.take().is_some() {
                // There is no receiver any more once the runtime is ending.
                let _ = events.send(SupervisorEvent::Recovered { id: report.id });
            }
        });
    }
}

impl Handler<ChildExited> for Supervisor {
    type Result = ();

    fn handle(&mut self, ChildExited { id, generation, exit }: ChildExited, ctx: &mut Context<Self>) {
        self.starts.remove_starting(generation);
        let Some(child) = self.children.get_mut(&id) else { return self.start_next(ctx) };
        match take_process(child, generation) {
            Some(EndedProcess::Starting(ended)) if !child.learn_from_start(&exit) => {
                self.on_failure(id, &exit, &ended, ctx);
            }
            Some(EndedProcess::Serving(ended)) => {
                let restart = &self.settings.restart;
                child.failures = restart.remembered(child.failures, ended.lasted);
                child.lost_sessions = restart.remembered(child.lost_sessions, ended.lasted);
                self.on_failure(id, &exit, &ended, ctx);
            }
            Some(EndedProcess::Stopped | EndedProcess::Starting { .. }) | None => {}
        }
        self.reconcile(id, ctx);
    }
}

/// Kind of process that ended.
enum EndedProcess {
    /// One that was stopped.
    Stopped,
    /// One that was in its handshake.
    Starting(Ended),
    /// One that took calls.
    Serving(Ended),
}

struct Ended {
    /// Number of the last line of output before it was spawned.
    output_start: u64,
    /// Time since then, or since it was ready.
    lasted: Duration,
}

/// Forgets the process of this generation; `None` where the child has none such.
fn take_process(child: &mut Child, generation: u64) -> Option<EndedProcess> {
    if let Some(at) = child.ending.iter().position(|ending| *ending == generation) {
        child.ending.swap_remove(at);
        return Some(EndedProcess::Stopped);
    }
    if let Some(starting) = child.starting.take_if(|starting| starting.instance.generation == generation) {
        let (output_start, lasted) = (starting.output_start, starting.since.elapsed());
        return Some(EndedProcess::Starting(Ended { output_start, lasted }));
    }
    let serving = child.serving.take_if(|serving| serving.instance.generation == generation)?;
    let (output_start, lasted) = (serving.output_start, serving.since.elapsed());
    Some(EndedProcess::Serving(Ended { output_start, lasted }))
}

impl Supervisor {
    /// Decides what follows from a failure, and tells everybody who waits.
    fn on_failure(&mut self, id: ServerId, exit: &Exit, ended: &Ended, ctx: &mut Context<Self>) {
        let Some(child) = self.children.get_mut(&id) else { return };
        if *exit == Exit::SessionLost && child.may_reopen_session() {
            child.add_note(TimelineLevel::Info, "its session was lost; another one is opened");
            return;
        }
        let mut report = exit.report(child.link.output.words(ended.output_start));
        // The reason may quote the server's handshake, up to 16 MiB. Masked first: half a secret is not found.
        report.reason = payload::reason(&child.link.output.masked(&report.reason));
        report.refusal = child.launch.refusal(|| report.stderr.clone()).map(Box::new);
        let of_refusal = || report.refusal.as_ref().map(|refusal| refusal.reason.clone());
        if let Some(hint) = hint::of(&report.stderr).or_else(of_refusal) {
            report.reason = format!("{}; {hint}", report.reason);
        }
        let class = child.class_of(exit, &report, ended.lasted);
        child.last_exit = Some(report.clone());
        child.notify_up_waiters(&Err(NotUp::Failed(report.clone())));
        let attempt = child.count_failure(class);
        let decision = self.settings.restart.decide(attempt, class, random_unit());
        let repeated = child.record_failure(attempt, decision, &report.reason);
        // A server that is not reachable yet is tried every other second.
        if !(repeated && class == FailureClass::Unreachable) {
            note_failure(child, attempt, decision, &report.reason);
        }
        let event = match decision {
            Decision::Retry(wait) => {
                child.restarts = child.restarts.saturating_add(1);
                let timer = wake_after(id, wait, ctx);
                child.idle = Idle::Backoff { timer, until: Timestamp::now().plus(wait) };
                SupervisorEvent::Restarting { id, attempt, repeated }
            }
            Decision::Park(wait) => {
                let reason = format!("it failed {attempt} times in a row; the last time it {}", report.reason);
                let timer = wake_after(id, wait, ctx);
                child.idle = Idle::Parked { timer, until: Timestamp::now().plus(wait), reason: reason.clone() };
                SupervisorEvent::GaveUp { id, reason, repeated }
            }
            Decision::Fail => {
                let reason = format!("it {}", report.reason);
                let status = if *exit == Exit::Unauthorized { Status::Unauthorized } else { Status::Failed };
                child.idle = Idle::Failed { reason: reason.clone(), status };
                SupervisorEvent::GaveUp { id, reason, repeated }
            }
        };
        if let SupervisorEvent::GaveUp { reason, .. } = &event {
            child.add_note(TimelineLevel::Error, &format!("left down: {reason}"));
        }
        self.emit(SupervisorEvent::Failed { id, report, repeated });
        self.emit(event);
    }
}

/// Notes a failure in the log and in the timeline, and when the next attempt is.
fn note_failure(child: &Child, attempt: u32, decision: Decision, reason: &str) {
    log::warn!(server:% = child.id, reason; "server failed");
    child.add_note(TimelineLevel::Warn, reason);
    if let Decision::Retry(wait) = decision {
        let text = format!("failure {attempt} in a row; the next attempt is in {} ms", wait.as_millis());
        child.add_note(TimelineLevel::Info, &text);
    }
}

/// Wakes the child after `wait`.
fn wake_after(id: ServerId, wait: Duration, ctx: &mut Context<Supervisor>) -> actix::SpawnHandle {
    ctx.run_later(wait, move |supervisor, ctx| {
        supervisor.with_child(id, ctx, |child| child.idle = Idle::None);
    })
}

/// A number in `0.0..1.0`, good enough to spread restarts.
fn random_unit() -> f64 {
    let [first, second, ..] = *uuid::Uuid::new_v4().as_bytes();
    f64::from(u16::from_be_bytes([first, second])) / f64::from(u16::MAX)
}
