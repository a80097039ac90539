//! Signals that ask for an end, or reach a whole group; what servers inherit; duties of a container's first process.

use std::{fs, process::Command};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use crate::support::{
    self,
    processes::{Process, alive, kill, look_at, signal, zombies_of},
    setup::PROGRAM,
    *,
};

/// All that a guard has to survive.
const REQUESTS: [Signal; 8] =
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::POWER, Signal::ALARM, Signal::USR1, Signal::USR2];

/// Has a call of `server` in flight while `disturb` does its work; the call is answered, and Ostler ends in good order.
fn stops_in_order(ostler: &mut Ostler, server: &Server, disturb: impl Fn(&Ostler)) {
    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.call("sleep", json!({"ms": 1500})));
        eventually("the call is in flight", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        disturb(ostler);
        assert_eq!(call.join().unwrap().is(200).said(), "slept");
    });
    assert_eq!(ostler.exited().code(), Some(0));
    ostler.leaves_nothing();
}

#[track_caller]
fn logs(ostler: &Ostler, text: &str) {
    eventually(&format!("{text} is in the log"), || ostler.errors().contains(text).then_some(()));
}

/// A set-up in which `env` disposes of signals by `options` before it becomes Ostler.
fn disposed(options: &[&str]) -> Setup {
    let arguments = options.iter().chain(&[PROGRAM, "serve"]).map(|word| (*word).to_owned()).collect();
    Setup { arguments, program: "env".into(), ..Setup::new() }
}

#[test]
fn a_terminal_that_closes_is_a_request_to_stop_however_often_it_says_so() {
    // The suite itself may run under nohup.
    let mut ostler = disposed(&["--default-signal=HUP"]).spawn();
    let server = ostler.admin().running(fake("ok"));
    stops_in_order(&mut ostler, &server, |ostler| {
        ostler.signal(Signal::HUP);
        logs(ostler, "a second signal ends at once");
        ostler.signal(Signal::HUP);
    });
    ostler.start_again();
    assert_eq!(server.seen_by(&ostler.admin()).logs().list("/items").len(), 1, "the call is on record");
}

#[test]
fn sigquit_is_a_request_to_stop() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    stops_in_order(&mut ostler, &server, |ostler| ostler.signal(Signal::QUIT));
}

#[test]
fn sigpwr_is_a_request_to_stop() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    stops_in_order(&mut ostler, &server, |ostler| ostler.signal(Signal::POWER));
}

#[test]
fn signals_of_log_rotation_are_noted_and_change_nothing() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let signals = [
        (Signal::USR1, "SIGUSR1"),
        (Signal::USR2, "SIGUSR2"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::PROF, "SIGPROF"),
        (Signal::IO, "SIGIO"),
    ];
    for (signal, name) in signals {
        ostler.signal(signal);
        logs(&ostler, name);
    }
    server.call("echo", json!({"message": "x"})).is(200);
}

#[test]
fn a_write_past_the_limit_of_a_files_size_fails_and_ends_nothing() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let limit = |current| {
        let pid = Pid::from_raw(i32::try_from(ostler.pid()).unwrap());
        prlimit(pid, Resource::Fsize, Rlimit { current, maximum: None }).unwrap();
    };
    let call = || server.call("echo", json!({"message": "x"}));
    limit(Some(0));
    call().problem(503, "store_unavailable");
    limit(None);
    eventually("calls are taken again", || (call().status == 200).then_some(()));
}

/// A server whose first lines of output are the signals it was started with.
fn inspected() -> Spec {
    let hostile = support::server::hostile_server();
    let script = "grep Sig[BI] /proc/self/status >&2; exec \"$0\" ok";
    Spec::new("sh", json!(["-c", script, hostile.to_str().unwrap()]))
}

#[test]
fn what_ostler_was_told_to_ignore_it_ignores_and_servers_do_not() {
    let ostler = disposed(&["--ignore-signal=HUP,USR1", "--block-signal=USR2"]).spawn();
    let server = ostler.admin().running(inspected());
    ostler.signal(Signal::HUP);
    ostler.signal(Signal::USR1);
    logs(&ostler, "SIGUSR1");
    server.call("echo", json!({"message": "x"})).is(200);
    assert!(!ostler.errors().contains("SIGHUP"), "it is as under nohup");
    let output = server.output();
    let none = ["SigBlk", "SigIgn"].map(|mask| format!("{mask}:\\t{:016}", 0));
    assert!(none.iter().all(|line| output.contains(line)), "{output}");
}

fn guards(ostler: &Ostler) -> Vec<Process> {
    ostler.processes().into_iter().filter(|process| process.command.contains("ostler-guard")).collect()
}

#[test]
fn a_signal_to_the_whole_control_group_costs_no_call() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ignores-term"));
    stops_in_order(&mut ostler, &server, |ostler| {
        let guards = guards(ostler);
        assert!(!guards.is_empty());
        for guard in &guards {
            REQUESTS.iter().for_each(|request| signal(guard.pid, *request));
        }
        ostler.processes().iter().for_each(|process| signal(process.pid, Signal::TERM));
        ostler.signal(Signal::TERM);
    });
    assert!(!ostler.errors().contains("a guard was killed"), "{}", ostler.errors());
}

#[test]
fn the_kernel_ends_servers_before_an_ostler_that_is_protected_or_not() {
    for (own, of_servers) in [("900", "900"), ("0", "500"), ("-500", "500")] {
        let ostler = Setup::new().after(&format!("echo {own} > /proc/self/oom_score_adj")).spawn();
        let score = |pid: u32| fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().to_owned();
        // Less than before needs a privilege, which containers lack.
        if score(ostler.pid()) == own {
            assert_eq!(score(ostler.admin().running(fake("ok")).pid()), of_servers);
        } else {
            assert_ne!(own, "900", "everybody may offer a process to the kernel");
        }
    }
}

/// Live children of a process whose command line has `name`.
fn children(parent: u32, name: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let found = pids.filter_map(look_at).filter(|process| process.parent == parent && process.command.contains(name));
    found.map(|process| process.pid).collect()
}

#[test]
fn the_first_process_of_a_container_leaves_no_orphan_in_the_process_table() {
    let namespace = ["--fork", "--pid", "--mount-proc", "--kill-child"];
    if !Command::new("unshare").args(namespace).arg("true").status().is_ok_and(|status| status.success()) {
        return support::absent("this user may make no process namespace");
    }
    let arguments = namespace.iter().chain(&[PROGRAM, "serve"]).map(|word| (*word).to_owned()).collect();
    let container = Setup { arguments, program: "unshare".into(), ..Setup::new() }.spawn();
    let ostler = children(container.pid(), "serve")[0];
    let server = container.admin().running(fake("grandchild"));

    for _ in 0..5 {
        let mut command = Command::new("nsenter");
        let command = command.args(["--target", &ostler.to_string(), "--pid", "--mount", "sh", "-c"]);
        assert!(command.arg("(exec sleep 1000 > /dev/null 2>&1 &)").status().unwrap().success());
    }
    let orphans = eventually("it inherits orphans", || {
        let orphans = children(ostler, "sleep 1000");
        (orphans.len() == 5).then_some(orphans)
    });
    orphans.iter().for_each(|orphan| kill(*orphan));
    eventually("none is left in the process table", || {
        orphans.iter().all(|orphan| !fs::exists(format!("/proc/{orphan}")).unwrap()).then_some(())
    });

    let before = server.details().number("/runtimeStatus/pid");
    let guard = children(ostler, "ostler-guard")[0];
    let guarded = children(guard, "");
    assert!(!guarded.is_empty());
    kill(guard);
    eventually("another process serves", || {
        let now = server.details().json.pointer("/runtimeStatus/pid").and_then(Value::as_u64)?;
        (now != before).then_some(())
    });
    eventually("nothing is left of the guard and what it guarded", || {
        let gone = !alive(guard) && guarded.iter().all(|one| !fs::exists(format!("/proc/{one}")).unwrap());
        (gone && zombies_of(ostler) == 0).then_some(())
    });
    server.call("echo", json!({"message": "x"})).is(200);
}
