//! Bytes of calls that servers' rows hold, until those of many are counted at once.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{ServerId, UserId},
    store::{Connection, connection::on, schema::mcp_servers, text},
};

use super::add::{Sums, count};

/// So many accounts and hours of a server fit in its row, which is to stay on its page.
const SUMS_PER_SERVER_MAX: usize = 4;

/// Adds bytes to those that a server's row holds, and returns the new value of its column. Those that do not fit are
/// counted.
pub(in crate::store) fn hold(db: &mut Connection, server: ServerId, more: &Sums) -> Result<Option<String>> {
    let row = mcp_servers::table.find(server.to_string()).select(mcp_servers::held_bytes);
    let held: Option<Option<String>> = on!(db, conn => row.get_result(conn).optional())?;
    let fits = held.is_some();
    let mut sums = held.flatten().map_or_else(|| Ok(Sums::new()), |held| read(&held))?;
    for (key, bytes) in more {
        *sums.entry(*key).or_default() += bytes;
    }
    if fits && sums.len() <= SUMS_PER_SERVER_MAX {
        return write(&sums).map(Some);
    }
    count(db, &server.to_string(), &sums)?;
    Ok(None)
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

fn write(sums: &Sums) -> Result<String> {
    text::to_json(&sums.iter().map(|((hour, user), bytes)| (hour, user, bytes)).collect::<Vec<_>>())
}

fn read(held: &str) -> Result<Sums> {
    let sums: Vec<(i64, UserId, i64)> = text::from_json(held)?;
    Ok(sums.into_iter().map(|(hour, user, bytes)| ((hour, user), bytes)).collect())
}
