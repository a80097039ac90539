//! One call in one SQLite statement that is prepared once a connection: diesel would put the text together for each
//! row.

use diesel::{
    QueryResult, RunQueryDsl, SqliteConnection,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{BigInt, Bool, Nullable, Text, Timestamp},
    sqlite::Sqlite,
};

use super::row::NewRow;
use crate::store::text::Time;

/// `INSERT INTO mcp_tool_calls …`.
pub(super) struct Insert<'a> {
    row: &'a NewRow<'a>,
    created_at: Time,
}

impl<'a> Insert<'a> {
    pub(super) fn of(row: &'a NewRow<'a>) -> Self {
        Self { row, created_at: Time(row.created_at) }
    }
}

/// Names the statement, so that diesel prepares it once a connection.
pub(super) struct Statement;

impl QueryId for Insert<'_> {
    type QueryId = Statement;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Sqlite> for Insert<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let row = self.row;
        out.push_sql(
            "INSERT INTO mcp_tool_calls (id, server_id, user_id, tool_name, parameters, response, success, \
             error_message, execution_time, created_at, waited, trace_id, parameters_length, parameters_sha256, \
             response_length, response_sha256) VALUES (",
        );
        out.push_bind_param::<Text, str>(&row.id)?;
        for column in [&row.server_id, &row.user_id, row.tool_name.as_ref(), row.parameters] {
            out.push_sql(", ");
            out.push_bind_param::<Text, str>(column)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&row.response)?;
        out.push_sql(", ");
        out.push_bind_param::<Bool, _>(&row.success)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&row.error_message)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&row.execution_time)?;
        out.push_sql(", ");
        out.push_bind_param::<Timestamp, _>(&self.created_at)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&row.waited)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&row.trace_id)?;
        for (length, sha256) in
            [(&row.parameters_length, &row.parameters_sha256), (&row.response_length, &row.response_sha256)]
        {
            out.push_sql(", ");
            out.push_bind_param::<Nullable<BigInt>, _>(length)?;
            out.push_sql(", ");
            out.push_bind_param::<Nullable<Text>, _>(sha256)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

impl RunQueryDsl<SqliteConnection> for Insert<'_> {}
