//! The examples do what they say: each runs to its end.

use std::process::{Command, Stdio};

use crate::support::{self, *};

fn runs(name: &str) {
    let folder = Setup::new().home;
    let mut command = Command::new(support::server::built_example(name));
    command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let ended = within(seconds(60), &format!("{name} ends"), || child.try_wait().unwrap());
    let output = child.wait_with_output().unwrap();
    assert!(ended.success(), "{name}: {ended}\n{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn quickstart_runs() {
    runs("quickstart");
}

#[test]
fn crash_and_recover_runs() {
    runs("crash_and_recover");
}

#[test]
fn embed_in_actix_runs() {
    runs("embed_in_actix");
}

#[test]
fn rolling_update_runs() {
    runs("rolling_update");
}
