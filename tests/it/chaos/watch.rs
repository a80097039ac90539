//! Watching the process table: never two processes for one server, but while a changed one takes over.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::support::{
    processes::{environment, look_at},
    wait::breathe,
};

/// A process of a server, by the marks in its environment.
#[derive(Clone, Debug)]
pub struct Marked {
    pub pid: u32,
    pub server: String,
    /// Which process of the server's, in order; shared by all that it starts.
    pub generation: u64,
    /// Of which configuration.
    pub revision: u64,
}

/// Every live process of a server of one test's, the oldest generation first.
pub fn processes_of(tag: &str) -> Vec<Marked> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<_> = pids.filter_map(|pid| marked(pid, tag)).collect();
    found.sort_by_key(|one| one.generation);
    found
}

fn marked(pid: u32, tag: &str) -> Option<Marked> {
    let environment = environment(pid);
    (environment.get("TEST_TAG")? == tag).then_some(())?;
    let (server, generation) = environment.get("OSTLER_INSTANCE")?.rsplit_once('.')?;
    let revision = environment.get("CHAOS_REVISION")?.parse().ok()?;
    look_at(pid)?;
    Some(Marked { pid, server: server.to_owned(), generation: generation.parse().ok()?, revision })
}

pub struct Watch {
    tag: String,
    seen: BTreeSet<(String, u64)>,
    doubles: BTreeSet<String>,
}

impl Watch {
    pub fn of(tag: &str) -> Self {
        Self { tag: tag.to_owned(), seen: BTreeSet::new(), doubles: BTreeSet::new() }
    }

    /// Looks again and again; what should not have been.
    pub fn until(mut self, over: &AtomicBool) -> Vec<String> {
        while !over.load(Ordering::Relaxed) {
            self.look();
            breathe();
        }
        println!("chaos: {} processes of servers seen", self.seen.len());
        self.doubles.into_iter().collect()
    }

    fn look(&mut self) {
        let mut servers: BTreeMap<String, BTreeMap<u64, Marked>> = BTreeMap::new();
        for one in processes_of(&self.tag) {
            self.seen.insert((one.server.clone(), one.generation));
            servers.entry(one.server.clone()).or_default().insert(one.generation, one);
        }
        for (server, generations) in servers {
            let generations: Vec<_> = generations.into_values().collect();
            if generations.len() > 1 && !is_replacement(&generations) && are_together(&generations) {
                self.doubles.insert(format!("{server}: {generations:?}"));
            }
        }
    }
}

/// A configuration was changed: the new process starts while the old one serves, which then drains. Marks are given out
/// before changes are taken, so a later change may bear the lower one.
fn is_replacement(generations: &[Marked]) -> bool {
    matches!(generations, [old, new] if old.revision != new.revision)
}

/// The process table is not read at one moment: whether they really lived at the same time.
fn are_together(generations: &[Marked]) -> bool {
    let alive = |one: &Marked| look_at(one.pid).is_some() && !environment(one.pid).is_empty();
    let (newest, others) = generations.split_last().unwrap();
    alive(newest) && others.iter().all(alive)
}
