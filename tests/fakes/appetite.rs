//! Tools that use up something: memory, processes, threads, descriptors, disk space. Each stops at what it was asked
//! for.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    modes::{pause, this_program},
    wire::text,
};

const MIB: usize = 1 << 20;

/// Runs one of these tools; `number` is an argument.
pub(crate) fn run(name: &str, number: impl Fn(&'static str) -> u64, file: &str) -> Option<String> {
    Some(match name {
        "fill-memory" => fill_memory(number("mib"), number("perSecond"), file),
        "fork" => fork(number("count")),
        "threads" => threads(number("count")),
        "open" => open(number("count")),
        "spin" => spin(number("count")),
        "fill-disk" => fill_disk(number("mib")),
        _ => return None,
    })
}

/// Fills so many MiB at so many a second, and keeps them; `file` has how many there are, as text.
#[allow(clippy::disallowed_methods)]
fn fill_memory(mib: u64, per_second: u64, file: &str) -> String {
    let progress = File::create(file).unwrap();
    let began = Instant::now();
    for number in 1..=mib {
        std::mem::forget(vec![1_u8; MIB]);
        progress.write_all_at(format!("{number:6}").as_bytes(), 0).unwrap();
        let due = began + Duration::from_millis(number * 1000 / per_second.max(1));
        pause(due.saturating_duration_since(Instant::now()).as_millis() as u64);
    }
    text(&mib.to_string())
}

/// Writes so many MiB to a file in the working directory.
fn fill_disk(mib: u64) -> String {
    let mut file = File::create("filled").unwrap();
    (0..mib).try_for_each(|_| file.write_all(&vec![1; MIB])).unwrap();
    text(&mib.to_string())
}

/// Starts so many processes that stay; how many there are, and why there are no more.
fn fork(count: u64) -> String {
    let started = |_| {
        let mut child = Command::new(this_program());
        child.arg("linger").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    until_refused(count, started)
}

/// Starts so many threads that stay.
fn threads(count: u64) -> String {
    until_refused(count, |_| std::thread::Builder::new().stack_size(MIB / 8).spawn(|| crate::modes::for_ever()))
}

/// Has so many threads use all the processor time that they get.
fn spin(count: u64) -> String {
    for _ in 0..count {
        std::thread::spawn(|| {
            loop {
                std::hint::spin_loop();
            }
        });
    }
    text(&count.to_string())
}

/// Opens so many files that stay open.
fn open(count: u64) -> String {
    let files = std::cell::RefCell::new(Vec::new());
    let answer = until_refused(count, |_| File::open("/dev/null").map(|file| files.borrow_mut().push(file)));
    // Closed before the answer: it may need a descriptor.
    drop(files);
    answer
}

fn until_refused<T>(count: u64, mut take: impl FnMut(u64) -> std::io::Result<T>) -> String {
    for number in 0..count {
        if let Err(error) = take(number) {
            return text(&format!("{number} {}", error.kind()));
        }
    }
    text(&count.to_string())
}
