//! What the database says about itself.

use diesel::{
    QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Text},
};

use crate::{
    error::Result,
    store::{Connection, connection::on},
};

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = BigInt)]
    size: i64,
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// How many bytes it takes, without SQLite's write-ahead log.
pub fn size(db: &mut Connection) -> Result<i64> {
    let query = match db {
        Connection::Sqlite(_) => "SELECT page_count * page_size AS size FROM pragma_page_count(), pragma_page_size()",
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => "SELECT pg_database_size(current_database()) AS size",
    };
    Ok(on!(db, conn => diesel::sql_query(query).get_result::<Size>(conn))?.size)
}

/// The migrations it went through, in order.
pub fn migrations(db: &mut Connection) -> Result<Vec<String>> {
    let query = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
    let applied = on!(db, conn => diesel::sql_query(query).load::<Applied>(conn))?;
    Ok(applied.into_iter().map(|one| one.version).collect())
}
