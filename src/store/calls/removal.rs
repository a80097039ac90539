//! Removal of the oldest calls, and the bytes that they count for.

use diesel::{dsl::sql, expression::SqlLiteral, prelude::*, sql_types::BigInt};

use crate::{
    error::Result,
    model::{CallId, ToolCall},
    store::{Connection, call_bytes::Bucket, connection::on, schema::mcp_tool_calls},
};

/// A call that may go.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct RemovableCall {
    /// Its id.
    pub id: String,
    /// The bytes it counts for.
    pub bytes: i64,
}

/// [`ToolCall::bytes`] of a row, as SQL.
fn bytes() -> SqlLiteral<BigInt> {
    let length = |column| format!("COALESCE(CAST(octet_length({column}) AS BIGINT), 0)");
    let lengths = ["tool_name", "parameters", "response", "error_message"].map(length).join(" + ");
    sql(&format!("{lengths} + {}", ToolCall::OVERHEAD_BYTES))
}

/// The oldest `most` calls of a bucket whose ids come after one.
pub fn oldest(db: &mut Connection, bucket: &Bucket, after: Option<&str>, most: i64) -> Result<Vec<RemovableCall>> {
    let first = CallId::first_of_hour(bucket.hour).to_string();
    let end = CallId::first_of_hour(bucket.hour.saturating_add(1)).to_string();
    Ok(on!(db, conn => mcp_tool_calls::table
        .filter(mcp_tool_calls::server_id.eq(&bucket.server_id))
        .filter(mcp_tool_calls::id.ge(&first).and(mcp_tool_calls::id.lt(&end)))
        .filter(mcp_tool_calls::id.gt(after.unwrap_or_default()))
        .filter(mcp_tool_calls::user_id.eq(&bucket.user_id))
        .order(mcp_tool_calls::id.asc())
        .select((mcp_tool_calls::id, bytes()))
        .limit(most)
        .load(conn))?)
}

/// The newest `most` calls of a server whose ids come before one, and whose they are.
pub fn before(db: &mut Connection, server_id: &str, id: &str, most: i64) -> Result<Vec<(RemovableCall, String)>> {
    Ok(on!(db, conn => mcp_tool_calls::table
        .filter(mcp_tool_calls::server_id.eq(server_id).and(mcp_tool_calls::id.lt(id)))
        .order(mcp_tool_calls::id.desc())
        .select(((mcp_tool_calls::id, bytes()), mcp_tool_calls::user_id))
        .limit(most)
        .load(conn))?)
}

/// Removes calls of a bucket.
pub fn delete(db: &mut Connection, bucket: &Bucket, old: &[RemovableCall]) -> Result<()> {
    let ids: Vec<_> = old.iter().map(|old| &old.id).collect();
    let calls = mcp_tool_calls::table
        .filter(mcp_tool_calls::server_id.eq(&bucket.server_id).and(mcp_tool_calls::id.eq_any(ids)));
    on!(db, conn => diesel::delete(calls).execute(conn))?;
    Ok(())
}
