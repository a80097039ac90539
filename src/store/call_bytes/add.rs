//! Counting bytes in one statement that is prepared once a connection: it runs in every commit of calls.

use std::collections::BTreeMap;

use diesel::{
    QueryResult, RunQueryDsl,
    backend::Backend,
    query_builder::{AstPass, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, HasSqlType, Text},
};

use crate::{
    error::Result,
    model::UserId,
    store::{Connection, connection::on},
};

/// Bytes of a server's calls by hour and account.
pub type Sums = BTreeMap<(i64, UserId), i64>;

/// Counts bytes of a server's calls.
pub fn count(db: &mut Connection, server_id: &str, sums: &Sums) -> Result<()> {
    for ((hour, user), bytes) in sums {
        let add = Add { hour: *hour, user_id: user.to_string(), server_id, bytes: *bytes };
        on!(db, conn => add.execute(conn))?;
    }
    Ok(())
}

/// `INSERT INTO call_bytes … ON CONFLICT … DO UPDATE …`.
struct Add<'a> {
    hour: i64,
    user_id: String,
    server_id: &'a str,
    bytes: i64,
}

/// Names the statement, so that diesel prepares it once a connection.
struct Statement;

impl QueryId for Add<'_> {
    type QueryId = Statement;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<DB> QueryFragment<DB> for Add<'_>
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Text>,
    i64: ToSql<BigInt, DB>,
    str: ToSql<Text, DB>,
    String: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO call_bytes (hour, user_id, server_id, bytes) VALUES (");
        out.push_bind_param::<BigInt, _>(&self.hour)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.user_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(self.server_id)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.bytes)?;
        out.push_sql(
            ") ON CONFLICT (hour, user_id, server_id) DO UPDATE SET bytes = call_bytes.bytes + excluded.bytes",
        );
        Ok(())
    }
}

impl<Conn> RunQueryDsl<Conn> for Add<'_> {}
