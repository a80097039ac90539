//! Counting bytes in one statement that is prepared once a connection: it runs in every commit of calls.

use diesel::{
    QueryResult, RunQueryDsl,
    backend::Backend,
    query_builder::{AstPass, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, HasSqlType, Text},
};

use super::Bucket;

/// `INSERT INTO call_bytes … ON CONFLICT … DO UPDATE …`.
pub(super) struct Add<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) bytes: i64,
}

/// Names the statement, so that diesel prepares it once a connection.
pub(super) struct Statement;

impl QueryId for Add<'_> {
    type QueryId = Statement;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<DB> QueryFragment<DB> for Add<'_>
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Text>,
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO call_bytes (hour, user_id, server_id, bytes) VALUES (");
        out.push_bind_param::<BigInt, _>(&self.bucket.hour)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.bucket.user_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.bucket.server_id)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.bytes)?;
        out.push_sql(
            ") ON CONFLICT (hour, user_id, server_id) DO UPDATE SET bytes = call_bytes.bytes + excluded.bytes",
        );
        Ok(())
    }
}

impl<Conn> RunQueryDsl<Conn> for Add<'_> {}
