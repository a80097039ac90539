//! Migrations: the two folders under `migrations/`, embedded and run.

use std::{collections::BTreeSet, fmt::Display};

use diesel::{
    QueryableByName, RunQueryDsl, backend::Backend, connection::SimpleConnection, migration::MigrationSource,
    sql_types::Text,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{
    error::{Error, Result},
    store::{Connection, connection::on},
};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Runs what is missing in one transaction, so that it happens wholly or not at all, and returns the names.
/// A second program that does the same at the same time waits, and then finds nothing to do.
pub(super) fn run(db: &mut Connection) -> Result<Vec<String>> {
    match db {
        Connection::Sqlite(conn) => conn.batch_execute("PRAGMA busy_timeout = 60000")?,
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => conn.set_idle_timeout(None),
    }
    db.transaction(|db| match db {
        Connection::Sqlite(conn) => run_missing(conn, SQLITE),
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => {
            // The number is "ostler" in ASCII; the lock ends with the transaction.
            conn.batch_execute("SET LOCAL lock_timeout = '60s'; SELECT pg_advisory_xact_lock(122541665183090)")?;
            run_missing(conn, POSTGRES)
        }
    })
}

/// Names of the migrations that were run, in order.
pub fn applied(db: &mut Connection) -> Result<Vec<String>> {
    let query = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
    let applied = on!(db, conn => diesel::sql_query(query).load::<Applied>(conn))?;
    Ok(applied.into_iter().map(|one| one.version).collect())
}

fn run_missing<DB: Backend>(harness: &mut impl MigrationHarness<DB>, source: EmbeddedMigrations) -> Result<Vec<String>>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let known = MigrationSource::<DB>::migrations(&source).map_err(defect)?;
    let known: BTreeSet<String> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    let applied = harness.applied_migrations().map_err(failed)?;
    if let Some(newer) = applied.iter().map(ToString::to_string).find(|version| !known.contains(version)) {
        let text =
            format!("its schema is newer than this program: migration {newer} is unknown here; use a newer Ostler");
        return Err(Error::StoreUnavailable(text));
    }
    let missing = harness.pending_migrations(source).map_err(failed)?;
    harness.run_migrations(&missing).map_err(failed)?;
    Ok(missing.iter().map(|migration| migration.name().to_string()).collect())
}

/// The migration library boxes diesel's errors; whether the database or the migration is at fault is inside.
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    match error.downcast::<diesel::result::Error>() {
        Ok(error) => (*error).into(),
        Err(other) => defect(other),
    }
}

fn defect(error: impl Display) -> Error {
    Error::Internal(format!("migration: {error}"))
}
