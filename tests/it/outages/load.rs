//! Callers who go on through an outage, and what became of each call on either side.

use std::{
    fmt,
    ops::Range,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    wait::{breathe, now, pass},
    *,
};

/// So many call at the same time: as many calls may be in flight when an outage begins.
pub const CALLERS: usize = 16;

/// Calls answered before an outage begins, and again after its end.
const STEADY: usize = 100;

/// Longest time from the beginning of an outage until `/readyz` says so: it waits 5 s for a database that is silent,
/// and so does the question before it.
const NOTICE: Duration = seconds(11);

/// Longest time from the end of an outage until `/readyz` says so.
const RECOVERY: Duration = seconds(10);

/// What callers and probes saw.
#[derive(Default)]
struct Seen {
    acknowledged: Mutex<Vec<String>>,
    answered: AtomicUsize,
    refused: AtomicUsize,
    unrecorded: AtomicUsize,
    probes: Mutex<Vec<Probe>>,
}

/// One answer of `/readyz`.
struct Probe {
    asked: Instant,
    answered: Instant,
    ready: bool,
}

/// What an outage cost.
struct Figures {
    name: &'static str,
    ran: usize,
    recorded: usize,
    unrecorded: usize,
    refused: usize,
    noticed: Option<Duration>,
    flaps: usize,
    recovery: Duration,
}

/// An outage that lasts for `lasting`, while callers go on.
pub struct Outage {
    pub name: &'static str,
    pub setup: Setup,
    pub lasting: Duration,
}

impl Outage {
    /// An outage of which everybody is told at once.
    pub fn new(name: &'static str, setup: Setup) -> Self {
        Self { name, setup, lasting: seconds(5) }
    }

    /// An outage for which everybody waits: it lasts longer than that takes.
    pub fn of_silence(name: &'static str, setup: Setup) -> Self {
        Self { name, setup, lasting: NOTICE }
    }

    /// Provokes it, ends it, and claims what is promised of it.
    #[track_caller]
    pub fn provoke(self, begin: impl FnOnce(&Ostler), end: impl FnOnce(&Ostler)) {
        let ostler = self.setup.spawn();
        let server = ostler.admin().running(fake("ok").uncontained());
        let file = ostler.setup.servers_dir().join("counted");
        let (seen, over) = (Seen::default(), AtomicBool::new(false));
        let (begun, ending, ended) = thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| seen.call_until(&over, &server, &file));
            }
            scope.spawn(|| seen.probe_until(&over, &ostler));
            // Also where this panics: the callers must end.
            let _ending = Ending(&over);
            seen.wait_for_calls();
            let begun = now();
            begin(&ostler);
            pass(self.lasting);
            let ending = now();
            end(&ostler);
            let ended = now();
            seen.wait_for_calls();
            within(RECOVERY, "it is ready again", || (ostler.anonymous().get("/readyz").status == 200).then_some(()));
            (begun, ending, ended)
        });
        let recorded = server.calls_on_record();
        for call in seen.acknowledged.lock().unwrap().iter() {
            assert_eq!(recorded.get(call), Some(&1), "call {call} was answered");
        }
        seen.figures(self.name, &file, recorded.len(), begun..ending, ended).check();
    }
}

struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Seen {
    fn call_until(&self, over: &AtomicBool, server: &Server, file: &PathBuf) {
        while !over.load(Ordering::Relaxed) {
            let answer = server.call("count", json!({"file": file}));
            if answer.status == 200 {
                self.acknowledged.lock().unwrap().push(answer.string("/callId"));
                self.answered.fetch_add(1, Ordering::Relaxed);
            } else {
                let answer = answer.problem(503, "store_unavailable");
                let made = answer.string("/detail").contains("the tool was called");
                let count = if made { &self.unrecorded } else { &self.refused };
                count.fetch_add(1, Ordering::Relaxed);
            }
            breathe();
        }
    }

    fn probe_until(&self, over: &AtomicBool, ostler: &Ostler) {
        while !over.load(Ordering::Relaxed) {
            let (asked, answer) = (now(), ostler.anonymous().get("/readyz"));
            let probe = Probe { asked, answered: now(), ready: answer.any_of(&[200, 503]).status == 200 };
            self.probes.lock().unwrap().push(probe);
            breathe();
        }
    }

    /// Waits until callers are answered steadily.
    fn wait_for_calls(&self) {
        let enough = self.answered.load(Ordering::Relaxed) + STEADY;
        within(seconds(30), "calls are answered", || (self.answered.load(Ordering::Relaxed) >= enough).then_some(()));
    }

    /// Figures of an outage that lasted for `outage` at least, and was over at `ended`.
    fn figures(
        &self,
        name: &'static str,
        file: &PathBuf,
        recorded: usize,
        outage: Range<Instant>,
        ended: Instant,
    ) -> Figures {
        let probes = self.probes.lock().unwrap();
        let during = probes.iter().filter(|probe| probe.asked >= outage.start && probe.answered <= outage.end);
        let during: Vec<_> = during.skip_while(|probe| probe.ready).collect();
        let after = probes.iter().find(|probe| probe.answered > ended && probe.ready);
        Figures {
            name,
            ran: std::fs::read_to_string(file).unwrap().lines().count(),
            recorded,
            unrecorded: self.unrecorded.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            noticed: during.first().map(|probe| probe.answered - outage.start),
            flaps: during.iter().filter(|probe| probe.ready).count(),
            recovery: after.map_or(Duration::MAX, |probe| probe.answered - ended),
        }
    }
}

impl Figures {
    /// Prints the line of the table, and claims what is promised.
    #[track_caller]
    fn check(&self) {
        println!("{self}");
        let lost = self.ran.saturating_sub(self.recorded);
        assert!(lost <= CALLERS, "more than the calls in flight were not recorded: {self}");
        assert!(self.unrecorded <= CALLERS, "more than the calls in flight were answered as unrecorded: {self}");
        // Where nothing answers, every caller may have had a call in flight until the end.
        assert!(self.refused > 0 || self.unrecorded == CALLERS, "no call was refused: {self}");
        assert!(self.noticed.is_some_and(|noticed| noticed < NOTICE), "/readyz did not say so in time: {self}");
        assert_eq!(self.flaps, 0, "/readyz was 200 in between: {self}");
        assert!(self.recovery < RECOVERY, "it was not ready in time: {self}");
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = self.ran.saturating_sub(self.recorded);
        let noticed = self.noticed.map_or("never".into(), |noticed| format!("{:.1} s", noticed.as_secs_f64()));
        write!(
            f,
            "| {} | {} | {lost} | {} | {} | 503 after {noticed}, {} × 200 in between | {:.1} s |",
            self.name,
            self.ran,
            self.unrecorded,
            self.refused,
            self.flaps,
            self.recovery.as_secs_f64()
        )
    }
}
