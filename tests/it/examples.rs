//! The examples: each runs to its end by itself, and leaves nothing behind.

mod lifecycle;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
};

use rustix::process::Signal;

use crate::support::{absent, folder::Folder, processes, seconds};

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
fn embed_in_axum_keeps_what_it_says() {
    runs_to_its_end("embed_in_axum");
}

#[test]
fn rolling_update_keeps_what_it_says() {
    runs_to_its_end("rolling_update");
}

#[test]
fn events_keeps_what_it_says() {
    runs_to_its_end("events");
}

#[test]
fn graceful_stop_keeps_what_it_says() {
    runs_to_its_end("graceful_stop");
}

#[test]
fn several_runtimes_keeps_what_it_says() {
    runs_to_its_end("several_runtimes");
}

fn runs_to_its_end(name: &str) {
    let Some(end) = run(name, Path::new("."), &[]) else { return };
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(!end.said.is_empty() && end.complained.is_empty(), "{end:?}");
}

/// The end of an example.
#[derive(Debug)]
struct End {
    code: Option<i32>,
    said: String,
    complained: String,
}

/// Runs an example in `place` to its end; claims that it leaves neither a process nor a file.
fn run(name: &str, place: &Path, arguments: &[&str]) -> Option<End> {
    run_interrupted(name, place, arguments, None)
}

/// Runs it, and sends it SIGINT once it has said a line with `until` in it.
fn run_interrupted(name: &str, place: &Path, arguments: &[&str], until: Option<&str>) -> Option<End> {
    let program = Path::new(env!("CARGO_BIN_EXE_ostler")).with_file_name("examples").join(name);
    if !program.exists() {
        absent("the examples are not built; `cargo build --examples` does that");
        return None;
    }
    let folder = Folder::new();
    // A name of its own, by which its guards are known, too.
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder.path().file_name().unwrap());
    fs::hard_link(&program, &own).unwrap();
    let own = own.canonicalize().unwrap();
    let mut command = Command::new(&own);
    command.args(arguments).current_dir(place).env("TMPDIR", folder.path());
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (stdout, mut stderr) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
    let complaints = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    // One that hangs is killed, and shown with what it said.
    let (pid, (running, ended)) = (process.id(), mpsc::channel::<()>());
    thread::spawn(move || {
        if ended.recv_timeout(seconds(120)) == Err(RecvTimeoutError::Timeout) {
            processes::signal(pid, Signal::KILL);
        }
    });
    let mut said = String::new();
    for line in BufReader::new(stdout).lines().map(Result::unwrap) {
        if until.is_some_and(|until| line.contains(until)) {
            processes::signal(process.id(), Signal::INT);
        }
        said += &(line + "\n");
    }
    drop(running);
    let code = process.wait().unwrap().code();
    let left = processes_of(&own);
    fs::remove_file(&own).unwrap();
    let end = End { code, said, complained: complaints.join().unwrap() };
    assert_eq!(left, Vec::<PathBuf>::new(), "{end:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{end:?}");
    Some(end)
}

/// The processes that run this program, as guard, server or itself.
fn processes_of(program: &Path) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes.filter(|process| fs::read_link(process.join("exe")).is_ok_and(|exe| exe == program)).collect()
}
