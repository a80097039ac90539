//! Writing a count in one statement that is prepared once a connection: the recorder does so for most of its commits.

use diesel::{
    QueryResult, RunQueryDsl,
    backend::Backend,
    query_builder::{AstPass, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, Binary, HasSqlType, SmallInt, Text},
};

use crate::model::{Rollup, Step};

use super::key::RollupKey;

/// `INSERT INTO call_rollups … ON CONFLICT … DO UPDATE`.
pub(super) struct Put<'a> {
    step: i16,
    key: &'a RollupKey,
    figures: [i64; 4],
    latencies: Vec<u8>,
}

impl<'a> Put<'a> {
    pub(super) fn of(step: Step, key: &'a RollupKey, rollup: &Rollup) -> Self {
        let figures = [key.start, rollup.calls, rollup.errors, rollup.execution_time];
        Self { step: step.minutes(), key, figures, latencies: rollup.latencies.to_bytes() }
    }
}

/// Names the statement, so that diesel prepares it once a connection.
pub(super) struct Statement;

impl QueryId for Put<'_> {
    type QueryId = Statement;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<DB> QueryFragment<DB> for Put<'_>
where
    DB: Backend + HasSqlType<SmallInt> + HasSqlType<BigInt> + HasSqlType<Text> + HasSqlType<Binary>,
    i16: ToSql<SmallInt, DB>,
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
    Vec<u8>: ToSql<Binary, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO call_rollups (step, server_id, tool_name, start, calls, errors, execution_time, latencies) \
             VALUES (",
        );
        out.push_bind_param::<SmallInt, _>(&self.step)?;
        for text in [&self.key.server, &self.key.tool] {
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(text)?;
        }
        for figure in &self.figures {
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(figure)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(&self.latencies)?;
        out.push_sql(
            ") ON CONFLICT (step, server_id, tool_name, start) DO UPDATE SET calls = excluded.calls, \
             errors = excluded.errors, execution_time = excluded.execution_time, latencies = excluded.latencies",
        );
        Ok(())
    }
}

impl<Conn> RunQueryDsl<Conn> for Put<'_> {}
