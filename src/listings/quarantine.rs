//! [`Quarantine`]: the accepted tools of one server, and what is known of those that wait to be accepted.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use crate::{
    model::ToolChange,
    policy::pins::{Definition, Pins},
};

/// Tools kept that only processes of single callers list: each process may list others.
const ISOLATED_TOOLS_MAX: usize = 256;

/// Accepted tools of one server, and those that wait.
#[derive(Default)]
pub(super) struct Quarantine {
    pins: ArcSwap<Pins>,
    is_stored: AtomicBool,
    /// Hashes of the changes that are on record, by the name of the tool.
    recorded: Mutex<HashMap<String, String>>,
    /// Tools that processes of single callers list, and the shared process does not.
    isolated: Mutex<BTreeMap<String, Definition>>,
    /// Held while pins change.
    pub(super) changing: tokio::sync::Mutex<()>,
}

impl Quarantine {
    /// The accepted tools.
    pub(super) fn pins(&self) -> Arc<Pins> {
        self.pins.load_full()
    }

    /// Replaces the accepted tools.
    pub(super) fn set_pins(&self, pins: Pins) {
        self.pins.store(Arc::new(pins));
    }

    /// Accepts these tools, where none was accepted before.
    pub(super) fn pin_first(&self, tools: &[Arc<RawValue>]) {
        if self.pins.load().is_empty() {
            let first = Arc::new(Pins::of(tools));
            self.pins.rcu(|pins| if pins.is_empty() { first.clone() } else { pins.clone() });
        }
    }

    /// True where the database has the pins.
    pub(super) fn is_stored(&self) -> bool {
        self.is_stored.load(Ordering::Relaxed)
    }

    /// Notes that the database has the pins.
    pub(super) fn set_stored(&self) {
        self.is_stored.store(true, Ordering::Relaxed);
    }

    /// Those of `waiting` that are not on record yet; from now on they are, and no others.
    pub(super) fn unrecorded(&self, waiting: &[ToolChange]) -> Vec<ToolChange> {
        let now = waiting.iter().map(|change| (change.name.clone(), change.hash.clone())).collect();
        let before = std::mem::replace(&mut *self.recorded.lock(), now);
        waiting.iter().filter(|change| before.get(&change.name) != Some(&change.hash)).cloned().collect()
    }

    /// Keeps tools of the process of one caller; returns those that were not kept before.
    pub(super) fn keep_isolated(&self, definitions: impl Iterator<Item = Definition>) -> Vec<Definition> {
        let mut isolated = self.isolated.lock();
        let mut fresh = Vec::new();
        for definition in definitions {
            let is_known = isolated.get(&definition.name) == Some(&definition);
            if !is_known && (isolated.len() < ISOLATED_TOOLS_MAX || isolated.contains_key(&definition.name)) {
                isolated.insert(definition.name.clone(), definition.clone());
                fresh.push(definition);
            }
        }
        fresh
    }

    /// Tools that only processes of single callers list.
    pub(super) fn isolated(&self) -> Vec<Definition> {
        self.isolated.lock().values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(json: &str) -> Arc<RawValue> {
        Arc::from(RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn the_first_tools_are_accepted_and_no_later_ones() {
        let (quarantine, echo, other) = (Quarantine::default(), tool(r#"{"name":"a"}"#), tool(r#"{"name":"b"}"#));
        quarantine.pin_first(&[]);
        assert!(quarantine.pins().is_empty(), "a server that lists nothing yet may still list its first");
        quarantine.pin_first(std::slice::from_ref(&echo));
        quarantine.pin_first(std::slice::from_ref(&other));
        assert!(quarantine.pins().hold(&echo) && !quarantine.pins().hold(&other));
    }

    #[test]
    fn a_change_is_recorded_once_until_it_is_gone() {
        let quarantine = Quarantine::default();
        quarantine.pin_first(&[tool(r#"{"name":"a"}"#)]);
        let change = |json: &str| quarantine.pins().change(&Definition::of(&tool(json))).unwrap();
        let (one, other) = (change(r#"{"name":"a","title":"x"}"#), change(r#"{"name":"a","title":"y"}"#));
        let recorded = |waiting: &[&ToolChange]| {
            quarantine.unrecorded(&waiting.iter().map(|one| (*one).clone()).collect::<Vec<_>>()).len()
        };
        assert_eq!([recorded(&[&one]), recorded(&[&one]), recorded(&[&other])], [1, 0, 1]);
        assert_eq!([recorded(&[]), recorded(&[&other])], [0, 1]);
    }

    #[test]
    fn tools_of_single_callers_are_bounded() {
        let quarantine = Quarantine::default();
        let many = |from: usize| (from..from + 400).map(|n| Definition::of(&tool(&format!(r#"{{"name":"{n}"}}"#))));
        assert_eq!(quarantine.keep_isolated(many(0)).len(), ISOLATED_TOOLS_MAX);
        assert_eq!((quarantine.keep_isolated(many(100)).len(), quarantine.isolated().len()), (0, ISOLATED_TOOLS_MAX));
    }
}
