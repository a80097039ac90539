//! Calls counted by minute and tool, in the transaction that records them.
//!
//! The counts of the present minute are in memory too, and the bytes that servers' rows hold, so that each is written
//! and none is read.

use std::collections::BTreeMap;

use crate::{
    error::Result,
    model::{Rollup, Step, Timestamp, ToolCall},
    store::{
        Connection,
        call_bytes::HeldSums,
        rollups::{self, RollupKey},
    },
};

/// Tools of a server that are counted by name within a minute: a caller may name any, and each name is a row.
const TOOLS_PER_SERVER_MAX: usize = 64;

/// Stands for the others; no tool may be called so.
const OTHER_TOOLS: &str = "*";

/// Longer names are counted among the others.
const TOOL_NAME_BYTES_MAX: usize = 200;

/// Counts of the present minute so far.
#[derive(Default)]
pub(super) struct Rollups {
    minute: i64,
    counted: BTreeMap<RollupKey, Rollup>,
    /// The bytes of calls that servers' rows hold, of those that were written.
    pub(super) held: HeldSums,
}

/// Counts of the minute once a transaction is committed.
pub(super) struct PendingCounts {
    minute: i64,
    counted: BTreeMap<RollupKey, Rollup>,
    pub(super) held: HeldSums,
}

impl Rollups {
    /// Counts calls and writes the counts; they are to be [kept](Rollups::keep) once that is committed.
    pub(super) fn write<'a>(
        &self,
        db: &mut Connection,
        calls: impl IntoIterator<Item = &'a ToolCall>,
    ) -> Result<PendingCounts> {
        let minute = Timestamp::now().unix_seconds().div_euclid(60);
        let mut counted = BTreeMap::<RollupKey, Rollup>::new();
        for call in calls {
            let key = self.key(call, minute, &counted);
            let rollup = match counted.entry(key) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => {
                    let before = self.before(db, place.key())?;
                    place.insert(before)
                }
            };
            rollup.add(call.success, call.execution_time);
        }
        rollups::put(db, Step::Minute, &counted)?;
        Ok(PendingCounts { minute, counted, held: HeldSums::new() })
    }

    /// Keeps what was committed.
    pub(super) fn keep(&mut self, PendingCounts { minute, counted, held }: PendingCounts) {
        if minute != self.minute {
            self.minute = minute;
            self.counted.clear();
        }
        self.counted.extend(counted);
        self.held.extend(held);
    }

    /// Forgets everything: it is not known what was committed.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    fn before(&self, db: &mut Connection, key: &RollupKey) -> Result<Rollup> {
        match self.counted.get(key) {
            Some(known) => Ok(known.clone()),
            None => rollups::find(db, Step::Minute, key),
        }
    }

    fn key(&self, call: &ToolCall, minute: i64, counted: &BTreeMap<RollupKey, Rollup>) -> RollupKey {
        let key = RollupKey { server: call.server_id.to_string(), tool: call.tool_name.clone(), start: minute };
        if self.counted.contains_key(&key) || counted.contains_key(&key) {
            return key;
        }
        let told_apart = self.counted.keys().chain(counted.keys());
        let tools = told_apart.filter(|one| one.server == key.server && one.start == minute).count();
        let fits = !key.tool.is_empty() && key.tool.len() <= TOOL_NAME_BYTES_MAX && !key.tool.contains('\0');
        if tools < TOOLS_PER_SERVER_MAX && fits { key } else { RollupKey { tool: OTHER_TOOLS.into(), ..key } }
    }
}
