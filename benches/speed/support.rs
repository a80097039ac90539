//! What this shares with the integration tests: a PostgreSQL server where one is installed.

#[cfg(feature = "postgres")]
#[path = "../../tests/it/support/postgres.rs"]
#[allow(dead_code, reason = "tests stop and start it")]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "written for tests")]
pub mod postgres;

/// Says that something is left out.
pub fn absent(why: &str) {
    eprintln!("left out: {why}");
}
