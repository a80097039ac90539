//! Table `mcp_tool_calls`.

#[cfg(feature = "postgres")]
mod bulk;
mod newest;
mod single;

use std::borrow::Cow;

use diesel::prelude::*;
use serde_json::value::RawValue;

use crate::{
    error::{Error, Result},
    model::ToolCall,
    policy::nesting,
    store::{Connection, connection::on, schema::mcp_tool_calls, text},
};

pub use newest::{find, list};

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
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = mcp_tool_calls)]
struct Row {
    id: String,
    server_id: String,
    user_id: String,
    tool_name: String,
    parameters: String,
    response: Option<String>,
    success: bool,
    error_message: Option<String>,
    execution_time: i64,
    created_at: chrono::NaiveDateTime,
    waited: i64,
    trace_id: Option<String>,
}

fn write(call: &ToolCall) -> NewRow<'_> {
    NewRow {
        id: call.id.to_string(),
        server_id: call.server_id.to_string(),
        user_id: call.user_id.to_string(),
        tool_name: text::clean(&call.tool_name),
        parameters: call.parameters.get(),
        response: call.response.as_deref().map(RawValue::get),
        success: call.success,
        error_message: call.error_message.as_deref().map(text::clean),
        execution_time: call.execution_time,
        created_at: call.created_at.naive(),
        waited: call.waited,
        trace_id: call.trace_id.as_deref().map(text::clean),
    }
}

fn read(row: Row) -> Result<ToolCall> {
    let json = |text: String| {
        // Deeper than readers of JSON take, it would hide the page it is on; so it is shown as text.
        let is_deep = nesting::exceeds(&text, nesting::SHOWN_MAX);
        let text = if is_deep { serde_json::Value::from(text).to_string() } else { text };
        RawValue::from_string(text).map(Into::into).map_err(|_| Error::Internal("a stored call holds no JSON".into()))
    };
    Ok(ToolCall {
        id: text::id(&row.id)?,
        server_id: text::id(&row.server_id)?,
        user_id: text::id(&row.user_id)?,
        tool_name: row.tool_name,
        parameters: json(row.parameters)?,
        response: row.response.map(json).transpose()?,
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
