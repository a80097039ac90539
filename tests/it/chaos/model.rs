//! What was asked of each server and acknowledged, and so what must hold when nobody asks any more.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::watch::processes_of;
use crate::support::{wait::now, *};

/// The servers of the walk; one that is removed makes room for another.
pub struct Stable {
    places: Vec<Mutex<Arc<Subject>>>,
    revisions: AtomicU64,
}

/// A server, and what it was told.
pub struct Subject {
    pub server: Server,
    place: usize,
    history: Mutex<Vec<Told>>,
    calls: Mutex<Vec<String>>,
}

/// What a command leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Up,
    Down,
    /// A configuration with this mark.
    Revision(u64),
}

/// A command that was acknowledged.
struct Told {
    began: Instant,
    ended: Instant,
    effect: Effect,
}

impl Stable {
    pub fn new(admin: &Caller, count: usize, modes: &[&str]) -> Self {
        let made = |place: usize| Mutex::new(Arc::new(Subject::make(admin, place, modes[place % modes.len()])));
        Self { places: (0..count).map(made).collect(), revisions: AtomicU64::new(1) }
    }

    pub fn pick(&self, place: usize) -> Arc<Subject> {
        self.places[place].lock().unwrap().clone()
    }

    pub fn subjects(&self) -> Vec<Arc<Subject>> {
        (0..self.places.len()).map(|place| self.pick(place)).collect()
    }

    pub fn next_revision(&self) -> u64 {
        self.revisions.fetch_add(1, Ordering::Relaxed)
    }

    /// Removes a server, and makes another in its place unless somebody else did.
    pub fn renew(&self, old: &Subject, mode: &str) {
        if old.server.remove().any_of(&[204, 404]).status == 204 {
            *self.places[old.place].lock().unwrap() = Arc::new(Subject::make(&old.server.caller, old.place, mode));
        }
    }
}

impl Subject {
    fn make(admin: &Caller, place: usize, mode: &str) -> Self {
        let spec = fake_with(mode, &["revision-0"]).named(&format!("{mode} in place {place}"));
        let server = admin.register(spec.env("CHAOS_REVISION", "0").enabled());
        let told = |effect| Told { began: now(), ended: now(), effect };
        let history = vec![told(Effect::Up), told(Effect::Revision(0))];
        Self { server, place, history: Mutex::new(history), calls: Mutex::default() }
    }

    /// Gives a command, and remembers it where it was taken.
    pub fn told(&self, effect: Effect, give: impl FnOnce() -> bool) {
        let began = now();
        if give() {
            self.history.lock().unwrap().push(Told { began, ended: now(), effect });
        }
    }

    /// Changes its configuration.
    pub fn revise(&self, revision: u64) {
        self.told(Effect::Revision(revision), || {
            let details = self.server.details();
            let Some(mode) = details.json.pointer("/server/args/0") else {
                super::failed_for_a_reason(&details, &[]);
                return false;
            };
            let answer = self.server.change(json!({
                "args": [mode, format!("revision-{revision}")],
                "env": {"TEST_TAG": self.server.caller.tag, "CHAOS_REVISION": revision.to_string()},
            }));
            answer.any_of(&[200, 404]).status == 200
        });
    }

    /// A call that was answered, and so must be on record.
    pub fn recorded(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    /// What the last commands of a kind lead to: those that ended before another began are not the last.
    fn last<T>(&self, kind: impl Fn(Effect) -> Option<T>) -> Vec<T> {
        let history = self.history.lock().unwrap();
        let of_kind = || history.iter().filter(|told| kind(told.effect).is_some());
        let latest = of_kind().map(|told| told.began).max().unwrap();
        of_kind().filter(|told| told.ended >= latest).filter_map(|told| kind(told.effect)).collect()
    }

    /// Claims that it is as it was told last, has one process or none, and that every answered call is on record.
    #[track_caller]
    pub fn is_as_last_told(&self, ostler: &Ostler) {
        let server = &self.server;
        let revisions = self.last(|effect| if let Effect::Revision(number) = effect { Some(number) } else { None });
        let should_run = self.last(|effect| match effect {
            Effect::Up => Some(true),
            Effect::Down => Some(false),
            Effect::Revision(_) => None,
        });
        let runs = eventually("it settles", || match server.status().as_str() {
            "running" | "starting" | "restarting" => Some(true),
            "stopped" => Some(false),
            _ => None,
        });
        assert!(should_run.contains(&runs), "told last {should_run:?}: {:?}", server.details());
        if runs {
            self.serves();
        }
        let processes = processes_of(&ostler.setup.tag).into_iter().filter(|one| one.server == server.id);
        let kept = server.details().string("/server/args/1");
        let kept: u64 = kept.strip_prefix("revision-").unwrap().parse().unwrap();
        assert!(revisions.contains(&kept), "told last {revisions:?}, kept {kept}");
        let mut running: Vec<_> = processes.map(|one| (one.generation, one.revision)).collect();
        running.dedup();
        assert_eq!(running.len(), usize::from(runs), "{running:?}");
        assert!(running.iter().all(|(_, revision)| *revision == kept), "{running:?} runs, {kept} was kept");
        self.every_call_is_on_record();
    }

    /// Started by hand it does not wait for its next attempt; one that was suspended has to be found out first.
    fn serves(&self) {
        within(seconds(60), "it serves", || {
            self.server.start().any_of(&[200, 500]);
            let answer = self.server.call_within("echo", json!({"message": "at last"}), 2_000);
            (answer.status == 200 && self.server.details().number("/runtimeStatus/inFlight") == 0).then_some(())
        });
        within(seconds(40), "only the last configuration runs", || {
            let of_it = processes_of(&self.server.caller.tag).into_iter().filter(|one| one.server == self.server.id);
            let mut generations: Vec<_> = of_it.map(|one| one.generation).collect();
            generations.dedup();
            (generations.len() == 1).then_some(())
        });
    }

    fn every_call_is_on_record(&self) {
        let mut missing: std::collections::BTreeSet<_> = self.calls.lock().unwrap().drain(..).collect();
        let mut cursor = String::new();
        loop {
            let page = self.server.caller.get(&self.server.path(&format!("/logs?limit=100{cursor}"))).is(200);
            for call in page.list("/items") {
                missing.remove(call["id"].as_str().unwrap());
            }
            let Some(next) = page.at("/nextCursor").as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert!(missing.is_empty(), "{} answered calls are not on record: {missing:?}", missing.len());
    }
}
