//! Bytes of calls that servers' rows hold, until those of many are counted at once.

use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{ServerId, UserId},
    store::{Connection, connection::on, schema::mcp_servers, text},
};

use super::add::{Sums, count};

/// So many accounts and hours of a server fit in its row, which is to stay on its page.
const SUMS_PER_SERVER_MAX: usize = 4;

/// Bytes that servers' rows hold.
pub type HeldSums = BTreeMap<ServerId, Sums>;

/// Adds bytes to those that a server's row holds, which is read where they are not `known`, and returns what it is to
/// hold. Those that do not fit are counted; all where there is no row, which is `None`.
pub(in crate::store) fn hold(
    db: &mut Connection,
    server: ServerId,
    more: &Sums,
    known: Option<&Sums>,
) -> Result<Option<Sums>> {
    let held = known.map_or_else(|| find(db, server), |known| Ok(Some(known.clone())))?;
    let Some(mut sums) = held else {
        count(db, &server.to_string(), more)?;
        return Ok(None);
    };
    for (key, bytes) in more {
        *sums.entry(*key).or_default() += bytes;
    }
    if sums.len() > SUMS_PER_SERVER_MAX {
        count(db, &server.to_string(), &sums)?;
        sums.clear();
    }
    Ok(Some(sums))
}

/// Finds what a server's row holds; `None` where there is no row.
fn find(db: &mut Connection, server: ServerId) -> Result<Option<Sums>> {
    let row = mcp_servers::table.find(server.to_string()).select(mcp_servers::held_bytes);
    let held: Option<Option<String>> = on!(db, conn => row.get_result(conn).optional())?;
    held.map(|held| held.map_or_else(|| Ok(Sums::new()), |held| read(&held))).transpose()
}

/// Counts what the rows hold. To be run in a transaction.
pub fn flush(db: &mut Connection) -> Result<()> {
    let holding = mcp_servers::table.filter(mcp_servers::held_bytes.is_not_null());
    let rows: Vec<(String, String)> = on!(db, conn => holding
        .select((mcp_servers::id, mcp_servers::held_bytes.assume_not_null()))
        .load(conn))?;
    for (server, held) in rows {
        count(db, &server, &read(&held)?)?;
    }
    on!(db, conn => diesel::update(holding).set(mcp_servers::held_bytes.eq(None::<String>)).execute(conn))?;
    Ok(())
}

/// True where some row holds any.
pub fn is_any_held(db: &mut Connection) -> Result<bool> {
    let holding = mcp_servers::table.filter(mcp_servers::held_bytes.is_not_null());
    Ok(on!(db, conn => holding.count().get_result::<i64>(conn))? > 0)
}

/// The value of the column.
pub(in crate::store) fn write(sums: &Sums) -> Result<Option<String>> {
    let rows: Vec<_> = sums.iter().map(|((hour, user), bytes)| (hour, user, bytes)).collect();
    if rows.is_empty() { Ok(None) } else { text::to_json(&rows).map(Some) }
}

fn read(held: &str) -> Result<Sums> {
    let sums: Vec<(i64, UserId, i64)> = text::from_json(held)?;
    Ok(sums.into_iter().map(|(hour, user, bytes)| ((hour, user), bytes)).collect())
}
