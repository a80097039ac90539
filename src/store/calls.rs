//! Table `mcp_tool_calls`.

#[cfg(feature = "postgres")]
mod bulk;
mod newest;
mod old;
mod payload;
mod single;

use std::borrow::Cow;

use diesel::prelude::*;

use crate::{
    error::Result,
    model::ToolCall,
    store::{Connection, connection::on, schema::mcp_tool_calls, text},
};

use payload::{Columns, Stored};

pub use newest::{find, list};
pub use old::{Old, before, delete, oldest};

#[derive(Insertable)]
#[diesel(table_name = mcp_tool_calls, treat_none_as_default_value = false)]
struct NewRow<'a> {
    id: String,
    server_id: String,
    user_id: String,
    tool_name: Cow<'a, str>,
    parameters: &'a str,
    response: Option<&'a str>,
    success: bool,
    error_message: Option<Cow<'a, str>>,
    execution_time: i64,
    created_at: chrono::NaiveDateTime,
    waited: i64,
    trace_id: Option<Cow<'a, str>>,
    parameters_length: Option<i64>,
    parameters_sha256: Option<&'a str>,
    response_length: Option<i64>,
    response_sha256: Option<&'a str>,
}

/// A row as [`payload::Extent`] has it read.
#[derive(Queryable)]
struct Row {
    id: String,
    server_id: String,
    user_id: String,
    tool_name: String,
    parameters: Stored,
    response: Stored,
    success: bool,
    error_message: Option<String>,
    execution_time: i64,
    created_at: chrono::NaiveDateTime,
    waited: i64,
    trace_id: Option<String>,
}

fn write(call: &ToolCall) -> NewRow<'_> {
    let parameters = Columns::of(call.parameters.as_deref(), call.parameters_excerpt.as_ref());
    let response = Columns::of(call.response.as_deref(), call.response_excerpt.as_ref());
    NewRow {
        id: call.id.to_string(),
        server_id: call.server_id.to_string(),
        user_id: call.user_id.to_string(),
        tool_name: text::clean(&call.tool_name),
        parameters: parameters.text.unwrap_or("{}"),
        response: response.text,
        success: call.success,
        error_message: call.error_message.as_deref().map(text::clean),
        execution_time: call.execution_time,
        created_at: call.created_at.naive(),
        waited: call.waited,
        trace_id: call.trace_id.as_deref().map(text::clean),
        parameters_length: parameters.length,
        parameters_sha256: parameters.sha256,
        response_length: response.length,
        response_sha256: response.sha256,
    }
}

fn read(row: Row) -> Result<ToolCall> {
    let (parameters, parameters_excerpt) = row.parameters.read()?;
    let (response, response_excerpt) = row.response.read()?;
    Ok(ToolCall {
        id: text::id(&row.id)?,
        server_id: text::id(&row.server_id)?,
        user_id: text::id(&row.user_id)?,
        tool_name: row.tool_name,
        parameters,
        parameters_excerpt,
        response,
        response_excerpt,
        success: row.success,
        error_message: row.error_message,
        execution_time: row.execution_time,
        created_at: row.created_at.into(),
        waited: row.waited,
        trace_id: row.trace_id,
    })
}

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

/// On SQLite one cached statement a row is as fast as a long one that is parsed anew each time.
fn insert_each(conn: &mut SqliteConnection, calls: &[ToolCall]) -> QueryResult<()> {
    calls.iter().try_for_each(|call| single::Insert::of(&write(call)).execute(conn).map(drop))
}

/// Adds a call unless it is there already; tells whether it was added.
pub(crate) fn insert_new(db: &mut Connection, call: &ToolCall) -> Result<bool> {
    let row = write(call);
    let insert = diesel::insert_into(mcp_tool_calls::table).values(&row).on_conflict_do_nothing();
    Ok(on!(db, conn => insert.execute(conn))? > 0)
}
