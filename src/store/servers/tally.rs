//! Counting calls in one statement that is prepared once a connection: diesel prepares its own updates each time.

use diesel::{
    QueryResult, RunQueryDsl,
    backend::Backend,
    query_builder::{AstPass, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, HasSqlType, Nullable, Text, Timestamp},
};

use crate::{
    model::{ServerId, Timestamp as Moment},
    store::{call_bytes::Sums, text::Time},
};

/// Calls of one server, counted by the recorder since the last commit.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The server.
    pub server_id: ServerId,
    /// Calls.
    pub calls: i64,
    /// Failed ones.
    pub errors: i64,
    /// Their execution times, summed, in milliseconds.
    pub execution_time: i64,
    /// When the last one ended.
    pub last_used_at: Moment,
    /// Their bytes.
    pub bytes: Sums,
}

/// `UPDATE mcp_servers SET total_calls = total_calls + …`.
pub(super) struct Add {
    id: String,
    calls: i64,
    errors: i64,
    execution_time: i64,
    last_used_at: Time,
    held_bytes: Option<String>,
}

impl Add {
    pub(super) fn of(tally: &Tally, held_bytes: Option<String>) -> Self {
        Self {
            id: tally.server_id.to_string(),
            calls: tally.calls,
            errors: tally.errors,
            execution_time: tally.execution_time,
            last_used_at: Time(tally.last_used_at.naive()),
            held_bytes,
        }
    }
}

/// Names the statement, so that diesel prepares it once a connection.
pub(super) struct Statement;

impl QueryId for Add {
    type QueryId = Statement;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<DB> QueryFragment<DB> for Add
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Text> + HasSqlType<Timestamp>,
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
    Time: ToSql<Timestamp, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE mcp_servers SET total_calls = total_calls + ");
        out.push_bind_param::<BigInt, _>(&self.calls)?;
        out.push_sql(", total_errors = total_errors + ");
        out.push_bind_param::<BigInt, _>(&self.errors)?;
        out.push_sql(", total_execution_time = total_execution_time + ");
        out.push_bind_param::<BigInt, _>(&self.execution_time)?;
        out.push_sql(", last_used_at = ");
        out.push_bind_param::<Timestamp, _>(&self.last_used_at)?;
        out.push_sql(", held_bytes = ");
        out.push_bind_param::<Nullable<Text>, _>(&self.held_bytes)?;
        out.push_sql(" WHERE id = ");
        out.push_bind_param::<Text, _>(&self.id)
    }
}

impl<Conn> RunQueryDsl<Conn> for Add {}
