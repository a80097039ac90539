//! What tests stand on.

pub mod folder;
#[cfg(feature = "postgres")]
pub mod postgres;

/// Says that a test cannot run, past the harness's capture; fails it where `OSTLER_REQUIRE_ALL_TESTS` is set.
pub fn absent(why: &str) {
    use std::io::Write;
    assert!(std::env::var_os("OSTLER_REQUIRE_ALL_TESTS").is_none(), "{why}, and OSTLER_REQUIRE_ALL_TESTS is set");
    let _ = writeln!(std::io::stderr(), "ignored: {why}");
}
