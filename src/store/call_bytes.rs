//! Table `call_bytes`: the bytes of calls by hour, account and server.
//!
//! Those of new calls are first held by their server's row, which is written with each anyway.
//!
//! Beside it `call_bytes_backlog`: calls from before there was that table, which are counted bit by bit.
//!
//! Rows hold sums until retention looks or calls are removed, so nothing is counted in memory and no call is missed
//! after a kill. A bucket in which no call is found is forgotten: wrong counts mend themselves. Accounts with too many
//! bytes, and their oldest calls, are found without an index of calls that each call would pay for.

mod add;
mod bucket;
mod held;

use std::collections::BTreeMap;

use diesel::{dsl::sql, prelude::*, sql_types::BigInt};

use crate::{
    error::Result,
    model::CallId,
    store::{
        Connection,
        calls::RemovableCall,
        connection::on,
        schema::{call_bytes, call_bytes_backlog, mcp_servers, mcp_tool_calls},
        text,
    },
};

pub use add::{Sums, count};
pub use bucket::Bucket;
pub use held::{HeldSums, flush, is_any_held};
pub(super) use held::{hold, write};

/// Calls of a server that are still to be counted: those with ids before this one.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Backlog {
    /// The server.
    pub server_id: String,
    /// The id.
    pub before: String,
}

/// Counts calls of a server that were recorded without being counted, and whose they are.
pub fn add_old(db: &mut Connection, server_id: &str, calls: &[(RemovableCall, String)]) -> Result<()> {
    let mut sums = Sums::new();
    for (call, user_id) in calls {
        let (id, user_id) = (text::id::<CallId>(&call.id)?, text::id(user_id)?);
        *sums.entry((id.hour(), user_id)).or_default() += call.bytes;
    }
    count(db, server_id, &sums)
}

/// Counts bytes no longer; a bucket without any is gone.
pub fn subtract(db: &mut Connection, bucket: &Bucket, bytes: i64) -> Result<()> {
    let Bucket { hour, user_id, server_id } = bucket;
    let found = call_bytes::table.find((hour, user_id, server_id));
    on!(db, conn => {
        diesel::update(found).set(call_bytes::bytes.eq(call_bytes::bytes - bytes)).execute(conn)?;
        diesel::delete(found.filter(call_bytes::bytes.le(0))).execute(conn)
    })?;
    Ok(())
}

/// The bytes of each account.
pub fn by_user(db: &mut Connection) -> Result<BTreeMap<String, i64>> {
    let sums = call_bytes::table.group_by(call_bytes::user_id);
    let rows: Vec<(String, i64)> = on!(db, conn => sums
        .select((call_bytes::user_id, sql::<BigInt>("CAST(SUM(bytes) AS BIGINT)")))
        .load(conn))?;
    Ok(rows.into_iter().collect())
}

/// The oldest bucket, of an account or of all, and its bytes.
pub fn oldest(db: &mut Connection, user_id: Option<&str>) -> Result<Option<(Bucket, i64)>> {
    Ok(on!(db, conn => {
        let mut query = call_bytes::table.select((Bucket::as_select(), call_bytes::bytes)).into_boxed();
        if let Some(user_id) = user_id {
            query = query.filter(call_bytes::user_id.eq(user_id));
        }
        query.order((call_bytes::hour, call_bytes::user_id, call_bytes::server_id)).first(conn).optional()
    })?)
}

/// Notes, once, which calls there are that were never counted. To be done before any call is recorded.
pub fn find_backlog(db: &mut Connection) -> Result<()> {
    let unknown = call_bytes_backlog::table.find("");
    if on!(db, conn => unknown.count().get_result::<i64>(conn))? == 0 {
        return Ok(());
    }
    db.transaction(|db| {
        note_backlog(db)?;
        on!(db, conn => diesel::delete(unknown).execute(conn))?;
        Ok(())
    })
}

fn note_backlog(db: &mut Connection) -> Result<()> {
    let servers: Vec<String> = on!(db, conn => mcp_servers::table.select(mcp_servers::id).load(conn))?;
    for server in servers {
        let last: Option<String> = on!(db, conn => mcp_tool_calls::table
            .filter(mcp_tool_calls::server_id.eq(&server))
            .select(mcp_tool_calls::id)
            .order(mcp_tool_calls::id.desc())
            .first(conn)
            .optional())?;
        // Longer, so it comes after the id.
        let Some(before) = last.map(|last| last + "+") else { continue };
        let row = (call_bytes_backlog::server_id.eq(&server), call_bytes_backlog::before_id.eq(before));
        on!(db, conn => diesel::insert_into(call_bytes_backlog::table).values(row).execute(conn))?;
    }
    Ok(())
}

/// Calls of some server that are still to be counted, if there are any.
pub fn backlog(db: &mut Connection) -> Result<Option<Backlog>> {
    Ok(on!(db, conn => call_bytes_backlog::table.first(conn).optional())?)
}

/// Notes that those before another id are left; none are where there is no such id.
pub fn set_backlog(db: &mut Connection, server_id: &str, before: Option<&str>) -> Result<()> {
    let row = call_bytes_backlog::table.find(server_id);
    on!(db, conn => match before {
        Some(before) => diesel::update(row).set(call_bytes_backlog::before_id.eq(before)).execute(conn),
        None => diesel::delete(row).execute(conn),
    })?;
    Ok(())
}
