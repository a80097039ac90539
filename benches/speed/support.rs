//! What this shares with the integration tests: a PostgreSQL server where one is installed.

#[cfg(feature = "postgres")]
#[path = "../../tests/it/support/postgres.rs"]
#[allow(dead_code, reason = "tests stop and start it")]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "written for tests")]
pub mod postgres;

#[cfg(feature = "postgres")]
#[path = "../../tests/it/support/processes.rs"]
#[allow(dead_code, reason = "tests look closer")]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "written for tests")]
pub mod processes;

/// Says that something is left out.
pub fn absent(why: &str) {
    eprintln!("left out: {why}");
}
