//! Bytes that the database takes on its disk.

use diesel::{QueryableByName, RunQueryDsl, sql_types::BigInt};

use crate::{
    error::Result,
    store::{Connection, connection::on},
};

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = BigInt)]
    size: i64,
}

/// Bytes of the database, without SQLite's write-ahead log.
pub fn bytes(db: &mut Connection) -> Result<i64> {
    let query = match db {
        Connection::Sqlite(_) => "SELECT page_count * page_size AS size FROM pragma_page_count(), pragma_page_size()",
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => "SELECT pg_database_size(current_database()) AS size",
    };
    Ok(on!(db, conn => diesel::sql_query(query).get_result::<Size>(conn))?.size)
}
