//! What surrounds Ostler fails or is scarce: its log is not read, its user has few pipes, a guard is suspended.

use std::{
    fs,
    io::{BufRead, BufReader, Read, pipe},
    process::Stdio,
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::Signal;

use crate::support::{
    self,
    processes::{alive, signal},
    *,
};

/// More log than a pipe holds, while requests are answered; the process ends when it is asked to.
fn logs_much(ostler: &mut Ostler) {
    let anybody = ostler.anonymous();
    together(8, |_| (0..100).for_each(|_| drop(anybody.get("/nowhere").is(404))));
    let (took, status) = timed(|| ostler.terminate());
    assert!(status.code() == Some(0) && took < seconds(7), "{status:?} after {took:?}");
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let (mut unread, log) = pipe().unwrap();
    let mut ostler = Setup::new().env("RUST_LOG", "debug").spawn_logging_to(log);
    logs_much(&mut ostler);
    let mut written = Vec::new();
    unread.read_to_end(&mut written).unwrap();
    assert!(written.len() >= 60_000, "{} bytes of log fill no pipe", written.len());
}

#[test]
fn a_log_that_was_closed_harms_nobody() {
    let (gone, log) = pipe().unwrap();
    drop(gone);
    logs_much(&mut Setup::new().env("RUST_LOG", "debug").spawn_logging_to(log));
}

#[test]
fn a_log_that_was_not_read_for_a_while_says_that_lines_are_missing() {
    let (unread, log) = pipe().unwrap();
    let ostler = Setup::new().env("RUST_LOG", "trace").spawn_logging_to(log);
    let anybody = ostler.anonymous();
    // More than Ostler keeps of it.
    together(8, |_| (0..1_500).for_each(|_| drop(anybody.get("/nowhere").any_of(&[404]))));
    let (tell, told) = mpsc::channel();
    let mut lines = BufReader::new(unread).lines().map_while(Result::ok);
    thread::spawn(move || lines.find(|line| line.contains("left out of the log")).map(|line| tell.send(line)));
    told.recv_timeout(Duration::from_secs(20)).expect("it was not said");
}

#[test]
fn a_process_that_cannot_be_ended_holds_up_neither_the_others_nor_the_end() {
    let mut ostler = Ostler::spawn();
    let admin = ostler.admin();
    let stuck = admin.running(fake("ignores-term").named("stuck"));
    let guards: Vec<_> = ostler.processes().into_iter().filter(|one| one.command.contains("guard")).collect();
    assert_eq!(guards.len(), 1, "{guards:?}");
    let (guard, pid) = (guards[0].pid, stuck.pid());
    signal(guard, Signal::STOP);
    let stop = stuck.caller.ask("POST", &stuck.path("/stop")).open().unwrap();
    stuck.becomes("stopping");

    let other = admin.running(fake("ok").named("other"));
    other.call("echo", json!({"message": "x"})).is(200);
    let (took, _) = timed(|| other.stop().is(200));
    assert!(took < seconds(3), "it took {took:?}");
    other.start().is(200);
    let (took, status) = timed(|| ostler.terminate());
    assert!(status.code() == Some(0) && took < seconds(20), "{status:?} after {took:?}");
    assert!(alive(pid), "it was ended after all, so this shows nothing");
    drop(stop);
    signal(guard, Signal::CONT);
    ostler.leaves_nothing();
}

/// How small the kernel makes pipes of a user who has many.
const SMALLEST: usize = 8 * 1024;

#[test]
fn servers_work_through_the_smallest_pipes_for_a_user_without_privileges() {
    let limit = fs::read_to_string("/proc/sys/fs/pipe-user-pages-soft").unwrap();
    let limit: u64 = limit.trim().parse().unwrap();
    if limit == 0 {
        return support::absent("this kernel gives everybody as many pipes as they like");
    }
    let Some(setup) = Setup::unprivileged() else { return };
    let pipes = limit / 16 + 32;
    let script = "ulimit -n $((2 * $1 + 64)) && exec ./hostile hold-pipes $1";
    let arguments = ["-c", script, "sh", &pipes.to_string()].map(String::from).to_vec();
    let mut hog = Setup { arguments, program: "/bin/sh".into(), ..setup.clone() }.command();
    let mut hog = hog.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(hog.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said.trim(), pipes.to_string(), "it holds them");

    let hostile = setup.home.join("hostile");
    let ostler = setup.spawn();
    let server = ostler.admin().running(Spec::new(hostile.to_str().unwrap(), json!(["ok"])));
    for end in 0..=2 {
        let pipe = fs::File::open(format!("/proc/{}/fd/{end}", server.pid())).unwrap();
        let size = rustix::pipe::fcntl_getpipe_size(&pipe).unwrap();
        assert!(size <= SMALLEST, "pipe {end} has {size} bytes");
    }
    let text = "y".repeat(1_000_000);
    assert_eq!(server.call("echo", json!({"message": text})).is(200).said(), text);
    server.call("flood", json!({"kind": "stderr", "ms": 300})).is(200);
    let answers = together(16, |number| server.call("echo", json!({"message": number.to_string(), "ms": 5})));
    (0..).zip(answers).for_each(|(number, answer)| assert_eq!(answer.is(200).said(), i32::to_string(&number)));
    drop(hog.stdin.take());
    hog.wait().unwrap();
}
