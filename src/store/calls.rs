//! Table `mcp_tool_calls`.

#[cfg(feature = "postgres")]
mod bulk;
mod newest;
mod payload;
mod removal;
mod row;
mod single;

use diesel::prelude::*;

use crate::{
    error::Result,
    model::ToolCall,
    store::{Connection, connection::on, schema::mcp_tool_calls},
};

use row::write;

pub use newest::{find, list};
pub use removal::{RemovableCall, before, delete, oldest};

/// Adds calls. On `Err` some may have been added: to have all or none, run it in a transaction.
pub fn insert(db: &mut Connection, calls: &[ToolCall]) -> Result<()> {
    match db {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => {
            let rows: Vec<_> = calls.iter().map(write).collect();
            bulk::Insert::of(&rows).execute(conn)?;
            Ok(())
        }
        Connection::Sqlite(conn) => Ok(insert_each(conn, calls)?),
    }
}

/// On SQLite one cached statement a row is as fast as a long one that is parsed again each time.
fn insert_each(conn: &mut SqliteConnection, calls: &[ToolCall]) -> QueryResult<()> {
    calls.iter().try_for_each(|call| single::Insert::of(&write(call)).execute(conn).map(drop))
}

/// Adds a call unless it is there already; tells whether it was added.
pub(crate) fn insert_new(db: &mut Connection, call: &ToolCall) -> Result<bool> {
    let row = write(call);
    let insert = diesel::insert_into(mcp_tool_calls::table).values(&row).on_conflict_do_nothing();
    Ok(on!(db, conn => insert.execute(conn))? > 0)
}
