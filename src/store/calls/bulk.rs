//! Many calls in one PostgreSQL statement that is parsed once, however many they are: a column is an array.

use diesel::{
    QueryResult, RunQueryDsl,
    pg::Pg,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamp},
};

use super::row::NewRow;

/// `INSERT … SELECT * FROM unnest(…)`.
#[derive(Default)]
pub(super) struct Insert<'a> {
    id: Vec<&'a str>,
    server_id: Vec<&'a str>,
    user_id: Vec<&'a str>,
    tool_name: Vec<&'a str>,
    parameters: Vec<&'a str>,
    response: Vec<Option<&'a str>>,
    success: Vec<bool>,
    error_message: Vec<Option<&'a str>>,
    execution_time: Vec<i64>,
    created_at: Vec<chrono::NaiveDateTime>,
    waited: Vec<i64>,
    trace_id: Vec<Option<&'a str>>,
    parameters_length: Vec<Option<i64>>,
    parameters_sha256: Vec<Option<&'a str>>,
    response_length: Vec<Option<i64>>,
    response_sha256: Vec<Option<&'a str>>,
}

impl<'a> Insert<'a> {
    pub(super) fn of(rows: &'a [NewRow<'a>]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.id.push(&row.id);
            columns.server_id.push(&row.server_id);
            columns.user_id.push(&row.user_id);
            columns.tool_name.push(&row.tool_name);
            columns.parameters.push(row.parameters);
            columns.response.push(row.response);
            columns.success.push(row.success);
            columns.error_message.push(row.error_message.as_deref());
            columns.execution_time.push(row.execution_time);
            columns.created_at.push(row.created_at);
            columns.waited.push(row.waited);
            columns.trace_id.push(row.trace_id.as_deref());
            columns.parameters_length.push(row.parameters_length);
            columns.parameters_sha256.push(row.parameters_sha256);
            columns.response_length.push(row.response_length);
            columns.response_sha256.push(row.response_sha256);
        }
        columns
    }
}

/// Names the statement, so that diesel prepares it once a connection.
pub(super) struct Statement;

impl QueryId for Insert<'_> {
    type QueryId = Statement;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for Insert<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO mcp_tool_calls (id, server_id, user_id, tool_name, parameters, response, success, \
             error_message, execution_time, created_at, waited, trace_id, parameters_length, parameters_sha256, \
             response_length, response_sha256) SELECT * FROM unnest(",
        );
        out.push_bind_param::<Array<Text>, _>(&self.id)?;
        for column in [&self.server_id, &self.user_id, &self.tool_name, &self.parameters] {
            out.push_sql(", ");
            out.push_bind_param::<Array<Text>, _>(column)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.response)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Bool>, _>(&self.success)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.error_message)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.execution_time)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Timestamp>, _>(&self.created_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.waited)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.trace_id)?;
        for (lengths, sums) in
            [(&self.parameters_length, &self.parameters_sha256), (&self.response_length, &self.response_sha256)]
        {
            out.push_sql(", ");
            out.push_bind_param::<Array<Nullable<BigInt>>, _>(lengths)?;
            out.push_sql(", ");
            out.push_bind_param::<Array<Nullable<Text>>, _>(sums)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

impl<Conn> RunQueryDsl<Conn> for Insert<'_> {}
