//! The actor that owns one process: its pipes, its calls in flight, its beginning and its end.

mod ending;
mod health;
mod lists;
mod notifications;
#[cfg_attr(not(feature = "remote"), path = "server/no_remote_start.rs")]
mod remote_start;
mod server_requests;
mod starting;
mod state;
mod subscriptions;

use std::{
    collections::HashSet,
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, SpawnHandle, StreamHandler, WrapFuture,
};
use serde_json::value::RawValue;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    mcp::{self, Era, Frame, Level, LineBudget, Message, RpcError},
    model::{Protocol, ServerId, TimelineLevel},
    supervisor::{
        child_view::StartPermit,
        egress::Connections,
        exit::{Exit, ExitSlot},
        exit_guard::ExitGuard,
        handshake::Probe,
        launch::Launch,
        link::Link,
        messages::{Abandon, Answer, Dispatch, Mailbox, Notify, Parent},
        not_started,
        process::Orders,
        requests::Requests,
        server_instance::ServerInstance,
        writer::LineWriter,
    },
};

pub(super) use starting::of_one_process;

/// Time for the start of a program to be put on record: as long as a commit may take.
const RECORD_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for secrets to be fetched besides: more than is given to those who do.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);

/// Time for its package to be resolved and installed besides: each installer gets a third at most.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(1800);

const NOT_RECORDED: &str = "its start could not be put on record in the audit log: the database takes no writes";

/// Why a request is cancelled, for the server.
const CANCEL_REASON: &str = "its deadline passed, or its caller went away";

/// Owns one process of a server, or its connection over HTTP. It never restarts it: it ends with it, and the supervisor
/// decides.
pub struct ServerActor {
    id: ServerId,
    instance: Arc<ServerInstance>,
    launch: Arc<Launch>,
    probe: Probe,
    supervisor: Parent,
    link: Link,
    lines: Arc<LineBudget>,
    phase: ProcessPhase,
    requests: Requests,
    writer: Option<LineWriter>,
    /// The writer of a process that was lost: it knows what was never read.
    unread: Option<LineWriter>,
    orders: Option<Orders>,
    /// Its connections to elsewhere, if it may not make them itself.
    connections: Option<Connections>,
    exit: ExitSlot,
    /// Tells that it may be started, where it has to wait for that.
    permitted: Option<mpsc::Receiver<Result<StartPermit, Exit>>>,
    /// The wait for it.
    waiting: Option<SpawnHandle>,
    /// Reports the end of a remote server, or of one that was not run yet, which no guard does.
    reporter: Option<ExitGuard>,
    has_sent_message: bool,
    last_message_at: Option<Instant>,
    last_message_at_tick: Option<Instant>,
    misses: u32,
    /// `Some(true)` once it answered a `ping`, `Some(false)` where it left the first ones open and answered another
    /// question.
    answers_ping: Option<bool>,
    /// Pings in flight, which are no work.
    pings: HashSet<u64>,
    /// The first request sent since the last message that is no ping.
    first_since_message: Option<u64>,
    lists: state::ListState,
    subscriptions: state::Subscriptions,
    open_server_requests: state::OpenServerRequests,
    /// Level set last with `logging/setLevel`, and the id of that request until it is answered.
    log_level: Option<Level>,
    setting_level: Option<u64>,
}

/// Progress of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProcessPhase {
    /// Spawned, or in its handshake.
    Starting,
    /// Taking calls.
    Ready,
    /// Finishing calls before it stops.
    Draining,
    /// Ending.
    Stopping,
}

impl ServerActor {
    pub(super) fn new(
        id: ServerId,
        instance: Arc<ServerInstance>,
        launch: Arc<Launch>,
        probe: Probe,
        supervisor: Parent,
        link: Link,
        lines: Arc<LineBudget>,
    ) -> Self {
        Self {
            id,
            requests: Requests::new(instance.figures.clone()),
            instance,
            launch,
            probe,
            supervisor,
            link,
            lines,
            phase: ProcessPhase::Starting,
            writer: None,
            unread: None,
            orders: None,
            connections: None,
            exit: ExitSlot::default(),
            permitted: None,
            waiting: None,
            reporter: None,
            has_sent_message: false,
            last_message_at: None,
            last_message_at_tick: None,
            misses: 0,
            answers_ping: None,
            pings: HashSet::new(),
            first_since_message: None,
            lists: state::ListState::default(),
            subscriptions: state::Subscriptions::default(),
            open_server_requests: state::OpenServerRequests::new(),
            log_level: None,
            setting_level: None,
        }
    }

    /// Has the program run only once a message permits it.
    pub(super) fn wait_for(&mut self, permitted: mpsc::Receiver<Result<StartPermit, Exit>>) {
        self.permitted = Some(permitted);
    }

    fn begin(&mut self, ctx: &mut Context<Self>) {
        if let Err(error) = self.start(ctx) {
            self.exit.record(not_started::own(&error));
            ctx.stop();
        }
    }

    /// Sends a line; where it begins among all bytes sent, or why it was not sent.
    fn write(&mut self, line: bytes::Bytes) -> io::Result<usize> {
        self.writer.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.send(line)
    }

    /// Sends a line that may be lost: where it cannot be sent, the process has worse troubles.
    fn write_if_possible(&mut self, line: bytes::Bytes) {
        let _ = self.write(line);
    }

    fn on_message(&mut self, message: &Message<'_>, ctx: &mut Context<Self>) {
        match message {
            Message::Answer { id, outcome } => {
                if id.is_some_and(|id| self.answers_actor_request(id, outcome.err(), ctx)) {
                    return;
                }
                let answer = match outcome {
                    Ok(result) if !result.get().starts_with('{') => Answer::Error(RpcError::of_result(result)),
                    Ok(result) => Answer::Result(Arc::from((*result).to_owned())),
                    Err(error) if self.is_refused_for_its_era(error) => {
                        self.turn_to_other_era(error, ctx);
                        // The request was not looked at.
                        Answer::NotSent
                    }
                    Err(error) => Answer::Error(RpcError::well_formed(error)),
                };
                self.requests.settle(*id, answer);
                self.stop_if_drained(ctx);
            }
            Message::Request { id, method, params } => self.on_server_request(id, method, *params),
            Message::Notification { method, params } => self.on_notification(method, *params, ctx),
        }
    }

    fn is_refused_for_its_era(&self, error: &RawValue) -> bool {
        let is_free = self.phase == ProcessPhase::Ready && self.launch.protocol == Protocol::Auto;
        is_free && mcp::wants_other_era(error, self.instance.era())
    }

    /// A process keeps its era for life, so the next one is greeted otherwise.
    fn turn_to_other_era(&mut self, error: &RawValue, ctx: &mut Context<Self>) {
        self.link.skips_discovery.store(self.instance.era() == Era::Modern, Ordering::Relaxed);
        self.give_way(Exit::WrongEra(error.get().to_owned()), ctx);
    }

    /// True when it answers a request that the actor made by itself, and that is no work of the process.
    fn answers_actor_request(&mut self, id: u64, error: Option<&RawValue>, ctx: &mut Context<Self>) -> bool {
        self.setting_level.take_if(|setting| *setting == id).is_some() || self.on_listen_ended(id, error, ctx)
    }
}

impl Actor for ServerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.instance.set_mailbox(Mailbox::of(&ctx.address()));
        let Some(mut permitted) = self.permitted.take() else { return self.begin(ctx) };
        let fetch = if self.launch.templates.is_empty() { Duration::ZERO } else { FETCH_TIMEOUT };
        let install = if self.launch.package.is_some() { INSTALL_TIMEOUT } else { Duration::ZERO };
        let limit = RECORD_TIMEOUT.saturating_add(fetch).saturating_add(install);
        let permitted = tokio::time::timeout(limit, async move { permitted.recv().await });
        let wait = permitted.into_actor(self).map(|permitted, actor, ctx| {
            actor.waiting = None;
            let not_recorded = || Exit::NotStarted { errno: None, reason: NOT_RECORDED.into() };
            match permitted.ok().flatten().unwrap_or_else(|| Err(not_recorded())) {
                Ok(StartPermit { launch, mask }) => {
                    actor.link.output.set_mask(mask);
                    actor.launch = launch;
                    actor.begin(ctx);
                }
                Err(exit) => {
                    actor.exit.record(exit);
                    ctx.stop();
                }
            }
        });
        // However it ends meanwhile.
        self.report_its_end();
        self.waiting = Some(ctx.spawn(wait));
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.refuse_server_requests();
    }
}

impl StreamHandler<Frame> for ServerActor {
    fn handle(&mut self, frame: Frame, ctx: &mut Context<Self>) {
        self.last_message_at = Some(Instant::now());
        self.first_since_message = None;
        match frame {
            Frame::Line(line) => match Message::parse(&line) {
                Ok(message) => {
                    self.has_sent_message = true;
                    self.on_message(&message, ctx);
                }
                Err(_) => self.keep_stray_line(&line),
            },
            Frame::Oversized { head, tail } => {
                self.warn("a line on standard output was dropped: it is over 16 MiB, or had no room");
                self.requests.settle_oversized(&head, &tail);
                self.stop_if_drained(ctx);
            }
        }
    }

    fn finished(&mut self, ctx: &mut Context<Self>) {
        self.on_output_ended(ctx);
    }
}

impl ServerActor {
    /// The session goes on; the first stray line is worth a warning, a flood of them is not.
    fn keep_stray_line(&self, line: &[u8]) {
        if self.instance.figures.stray_lines.fetch_add(1, Ordering::Relaxed) == 0 {
            self.warn("standard output has lines that are not JSON-RPC; they are kept as output");
        }
        self.link.output.push_stray(line);
    }

    /// Warns in the log and on the server's timeline.
    pub(super) fn warn(&self, text: &'static str) {
        log::warn!(server:% = self.id; "{text}");
        self.link.add_note(TimelineLevel::Warn, text);
    }
}

impl Handler<Dispatch> for ServerActor {
    type Result = ();

    fn handle(&mut self, mut request: Dispatch, _: &mut Context<Self>) {
        if let Some(level) = request.level {
            self.lower_log_level(level);
        }
        // A request that was not sent needs no receiver.
        match self.write(std::mem::take(&mut request.line)) {
            Ok(start) => {
                if !self.pings.contains(&request.id) {
                    self.first_since_message.get_or_insert(request.id);
                }
                self.requests.add(start, request);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => drop(request.reply.send(Answer::Unread)),
            Err(_) => drop(request.reply.send(Answer::NotSent)),
        }
    }
}

impl Handler<Abandon> for ServerActor {
    type Result = ();

    fn handle(&mut self, request: Abandon, ctx: &mut Context<Self>) {
        if self.requests.forget(request.id) && self.phase != ProcessPhase::Stopping {
            self.write_if_possible(mcp::cancelled(request.id, CANCEL_REASON));
        }
        self.stop_if_drained(ctx);
    }
}

impl Handler<Notify> for ServerActor {
    type Result = ();

    fn handle(&mut self, Notify(line): Notify, _: &mut Context<Self>) {
        self.write_if_possible(line);
    }
}
