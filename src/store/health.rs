//! Table `health_history`.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{HealthChange, HealthStatus, ServerId, Timestamp},
    store::{Connection, connection::on, schema::health_history, text},
};

/// Changes read at once at most: the newest.
const CHANGES_READ_MAX: i64 = 1000;

/// Notes that a server's health is another.
pub fn insert(db: &mut Connection, server: ServerId, change: &HealthChange) -> Result<()> {
    let reason = change.reason.as_deref().map(text::clean);
    let row = (
        health_history::server_id.eq(server.to_string()),
        health_history::at.eq(change.at.naive()),
        health_history::health_status.eq(change.health_status.as_str()),
        health_history::reason.eq(reason.clone()),
    );
    let insert = diesel::insert_into(health_history::table).values(row);
    // The health it had within the same millisecond is no change, except that a later reason is added.
    match reason {
        None => on!(db, conn => insert.on_conflict_do_nothing().execute(conn))?,
        Some(reason) => on!(db, conn => insert
            .on_conflict((health_history::server_id, health_history::at, health_history::health_status))
            .do_update()
            .set(health_history::reason.eq(reason))
            .execute(conn))?,
    };
    Ok(())
}

/// The changes from one moment to before another, oldest first; of more than a thousand the newest.
pub fn list(db: &mut Connection, server: ServerId, since: Timestamp, until: Timestamp) -> Result<Vec<HealthChange>> {
    let mut rows: Vec<(chrono::NaiveDateTime, String, Option<String>)> = on!(db, conn => health_history::table
        .filter(health_history::server_id.eq(server.to_string()))
        .filter(health_history::at.ge(since.naive()).and(health_history::at.lt(until.naive())))
        .order(health_history::at.desc())
        .limit(CHANGES_READ_MAX)
        .select((health_history::at, health_history::health_status, health_history::reason))
        .load(conn))?;
    rows.reverse();
    let change = |(at, word, reason): (chrono::NaiveDateTime, String, Option<String>)| HealthChange {
        at: at.into(),
        health_status: HealthStatus::from_word(&word),
        reason,
    };
    Ok(rows.into_iter().map(change).collect())
}

/// Forgets what was before some moment.
pub fn delete_before(db: &mut Connection, moment: Timestamp) -> Result<()> {
    let old = health_history::table.filter(health_history::at.lt(moment.naive()));
    on!(db, conn => diesel::delete(old).execute(conn))?;
    Ok(())
}
