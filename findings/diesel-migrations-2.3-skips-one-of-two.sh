#!/usr/bin/env bash
# diesel_migrations 2.3.2 (migrations_macros 2.3.1, migrations_internals 2.3.0, diesel 2.3.14), SQLite built in: two
# folders of migrations whose names differ after the first `_`, `2026-11-30-090000_users` and `2026-11-30-090000_keys`,
# as two branches make them in one second, or by hand.
#
# Expected: both are run, or `embed_migrations!` says that they have one version.
# Seen: the version is what stands before the `_`. One of them is run, the other is not, in silence:
#   `run_pending_migrations` returns one, and `has_pending_migration` is false before the table of the other is there.
# What it means: a merge of two branches loses a table, and only the first query finds out. Ostler's suite compares the
#   versions of its migrations.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cargo init --quiet --name probe
cargo add --quiet diesel@=2.3.14 --no-default-features --features sqlite
cargo add --quiet diesel_migrations@=2.3.2 --no-default-features --features sqlite
cargo add --quiet libsqlite3-sys@=0.38.2 --features bundled
cargo update --quiet migrations_macros --precise 2.3.1
cargo update --quiet migrations_internals --precise 2.3.0
for table in keys users; do
    mkdir -p "migrations/2026-11-30-090000_$table"
    echo "CREATE TABLE $table (id INTEGER PRIMARY KEY);" >"migrations/2026-11-30-090000_$table/up.sql"
    echo "DROP TABLE $table;" >"migrations/2026-11-30-090000_$table/down.sql"
done
cat >src/main.rs <<'RUST'
use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

fn main() {
    let mut db = SqliteConnection::establish(":memory:").unwrap();
    let run: Vec<_> = db.run_pending_migrations(MIGRATIONS).unwrap().iter().map(ToString::to_string).collect();
    println!("run: {run:?}");
    let is_pending = db.has_pending_migration(MIGRATIONS).unwrap();
    println!("pending: {is_pending}");
    let tables = ["keys", "users"].map(|table| sql_query(format!("SELECT id FROM {table}")).execute(&mut db).is_ok());
    println!("there are keys, users: {tables:?}");
    assert_eq!((run.len(), is_pending), (1, false));
    assert_eq!(tables.into_iter().filter(|is_there| *is_there).count(), 1);
}
RUST
cargo run --quiet
