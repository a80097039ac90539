//! The examples: each runs to its end by itself, and leaves nothing behind.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{absent, folder::Folder};

#[test]
fn quickstart_keeps_what_it_says() {
    runs_to_its_end("quickstart");
}

#[test]
fn crash_and_recover_keeps_what_it_says() {
    runs_to_its_end("crash_and_recover");
}

#[test]
fn embed_in_actix_keeps_what_it_says() {
    runs_to_its_end("embed_in_actix");
}

#[test]
fn rolling_update_keeps_what_it_says() {
    runs_to_its_end("rolling_update");
}

fn runs_to_its_end(name: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_ostler")).with_file_name("examples").join(name);
    if !program.exists() {
        return absent("the examples are not built; `cargo build --examples` does that");
    }
    // A program of this run's own, so that its processes can be told from those of another run.
    let folder = Folder::new();
    let (own, data) = (folder.path().join(name), folder.path().join("tmp"));
    fs::copy(program, &own).unwrap();
    fs::create_dir(&data).unwrap();
    let output = Command::new(&own).env("TMPDIR", &data).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}\n{complained}", output.status);
    assert!(!said.is_empty() && complained.is_empty(), "{said}\n{complained}");
    assert_eq!(processes_of(&own), Vec::<PathBuf>::new(), "{said}");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0, "{said}");
}

/// The processes that run this program, as guard, server or itself.
fn processes_of(program: &Path) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes.filter(|process| fs::read_link(process.join("exe")).is_ok_and(|exe| exe == program)).collect()
}
