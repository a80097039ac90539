//! A limit for each test, so that a suite that hangs says where, and ends.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    process::{Command, abort},
    sync::{Mutex, Once},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use super::{
    seconds,
    wait::{now, pass},
};

/// No test takes a tenth of it; the first to need published servers also waits for their installation.
const LIMIT: Duration = seconds(900);

static RUNNING: Mutex<Option<HashMap<ThreadId, (String, Instant)>>> = Mutex::new(None);

/// The entry of a thread, for as long as that lives: a test has one of its own, named after it.
struct Entry;

thread_local! {
    static ENTRY: Entry = {
        let thread = thread::current();
        let name = thread.name().unwrap_or("a thread of a test").to_owned();
        RUNNING.lock().unwrap().get_or_insert_default().insert(thread.id(), (name, now()));
        Entry
    };
}

impl Drop for Entry {
    fn drop(&mut self) {
        RUNNING.lock().unwrap().get_or_insert_default().remove(&thread::current().id());
    }
}

/// Counts the time of this test from now on.
pub fn begin() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| drop(thread::spawn(watch)));
    ENTRY.with(|_| ());
}

fn watch() {
    loop {
        pass(seconds(10));
        let running = RUNNING.lock().unwrap();
        let overdue: Vec<_> = running
            .iter()
            .flatten()
            .filter(|(_, (_, began))| began.elapsed() > LIMIT)
            .map(|(_, (name, _))| name)
            .collect();
        if !overdue.is_empty() {
            // Past the harness's capture.
            let _ = writeln!(std::io::stderr(), "not within {LIMIT:?}: {overdue:?}\n{}", scene());
            abort();
        }
    }
}

/// The threads of this process with what they wait for, and all processes.
fn scene() -> String {
    let mut scene = String::new();
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default().trim().to_owned();
        scene += &format!("{} {}: {}\n", task.file_name().display(), read("comm"), read("syscall"));
    }
    let ps = Command::new("ps").args(["-eww", "-o", "pid,ppid,etimes,stat,wchan:24,args", "--forest"]).output();
    scene + &ps.map_or_else(|error| error.to_string(), |said| String::from_utf8_lossy(&said.stdout).into_owned())
}
