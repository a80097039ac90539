//! The harness: a real Ostler per test, callers as types, fakes and real servers, and a look at the process table.

pub mod answer;
pub mod backends;
pub mod caller;
pub mod collector;
pub mod contract;
pub mod disk;
pub mod events;
pub mod folder;
pub mod http;
pub mod instance;
pub mod json_schema;
pub mod kept;
pub mod keyed;
pub mod load;
pub mod mcp;
pub mod mcp_registry;
pub mod ostler;
pub mod overdue;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod processes;
pub mod real;
pub mod registry;
pub mod server;
pub mod setup;
pub mod upstream;
pub mod wait;
pub mod wire;

pub use answer::Answer;
pub use caller::Caller;
pub use ostler::Ostler;
pub use serde_json::{Value, json};
pub use server::{Server, Spec, fake, fake_with};
pub use setup::Setup;
pub use wait::{eventually, timed, until, within};

use std::{path::Path, time::Duration};

/// So many seconds.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// So many milliseconds.
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Runs `work` so many times at once, and gives what each made, in order.
pub fn together<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..count).map(|index| scope.spawn(move || work(index))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Copies a program by another process: a child of another test, forked while this one writes, would keep the copy
/// open, and such a program cannot be run (ETXTBSY).
pub fn copy_program(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").args([from, to]).status().unwrap().success(), "{}", from.display());
}

/// Says that a test cannot run, past the harness's capture; fails it where `OSTLER_REQUIRE_ALL_TESTS` is set.
pub fn absent(why: &str) {
    use std::io::Write;
    assert!(std::env::var_os("OSTLER_REQUIRE_ALL_TESTS").is_none(), "{why}, and OSTLER_REQUIRE_ALL_TESTS is set");
    let _ = writeln!(std::io::stderr(), "ignored: {why}");
}
