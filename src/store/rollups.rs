//! Table `call_rollups`: calls counted by minute, hour and day.
//!
//! Minutes by tool come from the recorder. [`marks`] say how far everything else has been added up from them: up to
//! there totals can be read, after it the parts must be.

mod key;
mod put;

use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::{
    error::{Error, Result},
    model::{Rollup, ServerId, Step},
    store::{
        Connection,
        connection::on,
        schema::{call_rollups, rollup_marks},
    },
};

pub use key::{ALL, RollupKey};

/// The calls that a series counts.
#[derive(Clone, Debug)]
pub enum CallScope {
    /// All, also those of servers that are gone.
    All,
    /// Those of these servers.
    Servers(Vec<ServerId>),
    /// Those of one tool.
    Tool(ServerId, String),
}

/// Ends of what has been added up of minutes, hours and days, in minutes since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollupMarks {
    /// Minutes of whole servers, and of all.
    pub minute: i64,
    /// Hours.
    pub hour: i64,
    /// Days.
    pub day: i64,
}

/// The figures of a row, which says elsewhere whose they are.
#[derive(Queryable)]
struct RollupRow {
    start: i64,
    calls: i64,
    errors: i64,
    execution_time: i64,
    latencies: Vec<u8>,
}

type Columns = (
    call_rollups::start,
    call_rollups::calls,
    call_rollups::errors,
    call_rollups::execution_time,
    call_rollups::latencies,
);

const FIGURES: Columns = (
    call_rollups::start,
    call_rollups::calls,
    call_rollups::errors,
    call_rollups::execution_time,
    call_rollups::latencies,
);

impl RollupRow {
    fn add_to(&self, rollup: &mut Rollup) -> Result<()> {
        rollup.calls = rollup.calls.saturating_add(self.calls);
        rollup.errors = rollup.errors.saturating_add(self.errors);
        rollup.execution_time = rollup.execution_time.saturating_add(self.execution_time);
        let none = || Error::Internal("stored latencies are none".into());
        rollup.latencies.absorb_bytes(&self.latencies).ok_or_else(none)
    }
}

/// Writes what was counted, in the place of what was there.
pub fn put<'a>(
    db: &mut Connection,
    step: Step,
    counted: impl IntoIterator<Item = (&'a RollupKey, &'a Rollup)>,
) -> Result<()> {
    for (key, rollup) in counted {
        let put = put::Put::of(step, key, rollup);
        on!(db, conn => put.execute(conn))?;
    }
    Ok(())
}

/// The counts under one key; zeros where there is no row.
pub fn find(db: &mut Connection, step: Step, key: &RollupKey) -> Result<Rollup> {
    let row = on!(db, conn => call_rollups::table
        .find((step.minutes(), &key.server, &key.tool, key.start))
        .select(FIGURES)
        .first::<RollupRow>(conn)
        .optional())?;
    let mut rollup = Rollup::default();
    row.map_or(Ok(()), |figures| figures.add_to(&mut rollup))?;
    Ok(rollup)
}

/// Everything counted from one minute to before another, parts and totals alike.
pub fn between(db: &mut Connection, step: Step, from: i64, until: i64) -> Result<Vec<(RollupKey, Rollup)>> {
    let rows = on!(db, conn => call_rollups::table
        .filter(call_rollups::step.eq(step.minutes()))
        .filter(call_rollups::start.ge(from).and(call_rollups::start.lt(until)))
        .select((call_rollups::server_id, call_rollups::tool_name, FIGURES))
        .load::<(String, String, RollupRow)>(conn))?;
    let read = |(server, tool, figures): (_, _, RollupRow)| {
        let mut rollup = Rollup::default();
        figures.add_to(&mut rollup)?;
        Ok((RollupKey { server, tool, start: figures.start }, rollup))
    };
    rows.into_iter().map(read).collect()
}

/// The first minute from `from` on that something was counted for.
pub fn next_start(db: &mut Connection, step: Step, from: i64) -> Result<Option<i64>> {
    Ok(on!(db, conn => call_rollups::table
        .filter(call_rollups::step.eq(step.minutes()).and(call_rollups::start.ge(from)))
        .select(call_rollups::start)
        .order(call_rollups::start.asc())
        .first(conn)
        .optional())?)
}

/// Forgets what was counted before `start`.
pub fn delete_before(db: &mut Connection, step: Step, start: i64) -> Result<()> {
    let old = call_rollups::table.filter(call_rollups::step.eq(step.minutes()).and(call_rollups::start.lt(start)));
    on!(db, conn => diesel::delete(old).execute(conn))?;
    Ok(())
}

/// Reads the marks.
pub fn marks(db: &mut Connection) -> Result<RollupMarks> {
    let rows: Vec<(i16, i64)> = on!(db, conn => rollup_marks::table.load(conn))?;
    let of = |step: Step| rows.iter().find(|(known, _)| *known == step.minutes()).map_or(0, |(_, through)| *through);
    Ok(RollupMarks { minute: of(Step::Minute), hour: of(Step::Hour), day: of(Step::Day) })
}

/// Moves a mark.
pub fn set_mark(db: &mut Connection, step: Step, through: i64) -> Result<()> {
    let row = (rollup_marks::step.eq(step.minutes()), rollup_marks::through.eq(through));
    on!(db, conn => diesel::insert_into(rollup_marks::table)
        .values(row)
        .on_conflict(rollup_marks::step)
        .do_update()
        .set(rollup_marks::through.eq(through))
        .execute(conn))?;
    Ok(())
}

/// Calls from one minute to before another, in buckets of `step` by their beginnings. Empty ones are left out.
pub fn series(
    db: &mut Connection,
    scope: &CallScope,
    step: Step,
    from: i64,
    until: i64,
) -> Result<BTreeMap<i64, Rollup>> {
    // One view of marks and rows: what is added up meanwhile is read in one form only.
    db.transaction(|db| {
        let marks = marks(db)?;
        let coarse = [(Step::Day, marks.day), (Step::Hour, marks.hour), (Step::Minute, marks.minute)];
        let (mut buckets, mut at) = (BTreeMap::new(), from);
        for (source, mark) in coarse.into_iter().filter(|(source, _)| *source <= step) {
            let end = mark.min(until);
            if at < end {
                gather(&mut buckets, step, totals(db, scope, source, at, end)?)?;
                at = end;
            }
        }
        if at < until {
            gather(&mut buckets, step, parts(db, scope, at, until)?)?;
        }
        Ok(buckets)
    })
}

fn gather(buckets: &mut BTreeMap<i64, Rollup>, step: Step, rows: Vec<RollupRow>) -> Result<()> {
    rows.iter().try_for_each(|row| row.add_to(buckets.entry(step.floor(row.start)).or_default()))
}

/// Rows that have been added up.
fn totals(db: &mut Connection, scope: &CallScope, step: Step, from: i64, until: i64) -> Result<Vec<RollupRow>> {
    let (servers, tool) = match scope {
        CallScope::All => (vec![ALL.to_owned()], ALL),
        CallScope::Servers(servers) => (texts(servers), ALL),
        CallScope::Tool(server, tool) => (vec![server.to_string()], tool.as_str()),
    };
    Ok(on!(db, conn => call_rollups::table
        .filter(call_rollups::step.eq(step.minutes()))
        .filter(call_rollups::server_id.eq_any(&servers).and(call_rollups::tool_name.eq(tool)))
        .filter(call_rollups::start.ge(from).and(call_rollups::start.lt(until)))
        .select(FIGURES)
        .load(conn))?)
}

/// Rows as the recorder writes them.
fn parts(db: &mut Connection, scope: &CallScope, from: i64, until: i64) -> Result<Vec<RollupRow>> {
    let (servers, tool) = match scope {
        CallScope::All => (None, None),
        CallScope::Servers(servers) => (Some(texts(servers)), None),
        CallScope::Tool(server, tool) => (Some(vec![server.to_string()]), Some(tool)),
    };
    Ok(on!(db, conn => {
        let mut query = call_rollups::table
            .filter(call_rollups::step.eq(Step::Minute.minutes()))
            .filter(call_rollups::start.ge(from).and(call_rollups::start.lt(until)))
            .filter(call_rollups::tool_name.ne(ALL))
            .select(FIGURES)
            .into_boxed();
        if let Some(servers) = &servers {
            query = query.filter(call_rollups::server_id.eq_any(servers));
        }
        if let Some(tool) = tool {
            query = query.filter(call_rollups::tool_name.eq(tool));
        }
        query.load(conn)
    })?)
}

fn texts(servers: &[ServerId]) -> Vec<String> {
    servers.iter().map(ToString::to_string).collect()
}
