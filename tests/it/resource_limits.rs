//! Limits of what a server's processes use together; every bomb is small and stops by itself.

use crate::support::{self, processes::Process, server::hostile_server, setup::Setup, *};

/// The fake with these limits.
fn limited(limits: Value) -> Spec {
    fake("ok").set("limits", limits)
}

/// The report of the exit for a limit.
fn exceeded(server: &Server) -> Value {
    let exit = || server.details().json.pointer("/runtimeStatus/lastExit").cloned();
    eventually("it has exceeded a limit", || exit().filter(|exit| exit["exceeded"].is_object()))
}

/// An Ostler of an ordinary user, and the fake that this user may run.
fn ordinary() -> Option<(Ostler, std::path::PathBuf)> {
    if !rustix::process::geteuid().is_root() {
        return Some((Ostler::spawn(), hostile_server()));
    }
    let setup = Setup::unprivileged()?;
    let fake = setup.home.join("hostile");
    Some((setup.spawn(), fake))
}

#[test]
fn a_memory_bomb_is_ended_and_its_server_starts_again() {
    let ostler = Ostler::spawn();
    let folder = support::folder::Folder::new();
    let granted = json!({"paths": {"write": [folder.path()]}});
    let server = ostler.admin().running(limited(json!({"memoryMb": 256})).set("sandbox", granted));
    let file = folder.path().join("filled");
    let bomb = json!({"mib": 1024, "perSecond": 1024, "file": file});
    server.call("fill-memory", bomb).is(503);
    let exit = exceeded(&server);
    let used = exit["exceeded"]["used"].as_u64().unwrap();
    let filled: u64 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
    println!("seen at {used} MiB, ended at {filled} MiB");
    // A guard that waits for a processor is late: this is for busy machines.
    assert!((257..400).contains(&used) && filled < 400, "{exit}, {filled}");
    assert_eq!(exit["exceeded"], json!({"limit": "memoryMb", "used": used, "allowed": 256}));
    let reason = exit["reason"].as_str().unwrap();
    let expected = format!("was ended (oom): it used {used} MiB of the 256 MiB allowed");
    assert!(reason.starts_with(&expected) && reason.contains("`limits.memoryMb`"), "{reason}");
    eventually("the timeline has it", || {
        let timeline = server.caller.get(&server.path("/timeline?kinds=ostler")).is(200).text();
        (timeline.contains("(oom)") && timeline.contains("failure 1 in a row")).then_some(())
    });
    server.becomes("running");
    server.details().has("/runtimeStatus/restarts", 1);
    assert_eq!(server.call("echo", json!({"message": "again"})).is(200).said(), "again");
}

/// Three processes below a shell that hold 100 MiB each.
#[test]
fn the_memory_of_all_processes_counts() {
    let ostler = Ostler::spawn();
    let script = "for i in 1 2 3; do (head -c 104857600 /dev/zero; exec sleep 600) | tail -c 104857600 >/dev/null & done; exec \"$0\" ok";
    let program = hostile_server();
    let spec = Spec::new("sh", json!(["-c", script, program.to_str().unwrap()]));
    let server = ostler.admin().register(spec.set("limits", json!({"memoryMb": 256})));
    server.start();
    assert_eq!(exceeded(&server)["exceeded"]["limit"], "memoryMb");
    server.stop().is(200);
    ostler.leaves_nothing();
}

/// A page that processes share since a fork is there once, though each of them has it.
#[test]
fn memory_that_processes_share_since_a_fork_counts_once() {
    let ostler = Ostler::spawn();
    let script = "x=$(head -c 50000000 /dev/zero | tr '\\0' a); for i in 1 2 3 4 5 6; do (sleep 600; : \"$x\") & done; exec \"$0\" ok";
    let program = hostile_server();
    let spec = Spec::new("sh", json!(["-c", script, program.to_str().unwrap()]));
    let server = ostler.admin().running(spec.set("limits", json!({"memoryMb": 256})));
    server.call("sleep", json!({"ms": 1500})).is(200);
    server.details().has("/runtimeStatus/restarts", 0).has("/runtimeStatus/lastExit", Value::Null);
}

#[test]
fn the_processes_of_a_server_are_bounded_whatever_others_have() {
    let Some((ostler, fake)) = ordinary() else { return };
    let spec = || Spec::new(fake.to_str().unwrap(), json!(["ok"])).set("limits", json!({"processes": 64}));
    let servers = ["one", "two"].map(|name| ostler.admin().running(spec().named(name)));
    for server in &servers {
        for tool in ["fork", "threads"] {
            let said = server.call(tool, json!({"count": 100})).is(200).said();
            let (count, why) = said.split_once(' ').unwrap_or_else(|| panic!("{said}"));
            let count: u32 = count.parse().unwrap();
            assert!(if tool == "fork" { (55..64).contains(&count) } else { count < 3 }, "{said}");
            assert_eq!(why, "operation would block", "{said}");
        }
        server.call("echo", json!({"message": "x"})).is(200);
        server.details().has("/runtimeStatus/lastExit", Value::Null);
    }
}

#[test]
fn a_server_of_root_that_starts_too_many_processes_is_ended() {
    if !rustix::process::geteuid().is_root() {
        return absent("the kernel bounds the processes of ordinary users");
    }
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(limited(json!({"processes": 64})));
    server.call("fork", json!({"count": 200}));
    let exit = exceeded(&server);
    assert_eq!((&exit["exceeded"]["limit"], &exit["exceeded"]["allowed"]), (&json!("processes"), &json!(64)));
    assert!(exit["reason"].as_str().unwrap().contains("`limits.processes`"), "{exit}");
    server.stop().is(200);
    ostler.leaves_nothing();
}

/// Time that a server's threads have used, and have waited for a processor, in ns.
fn processor_time(pid: u32) -> (u64, u64) {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let figures = threads.map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let mut figures = text.split_whitespace().map(|figure| figure.parse::<u64>().unwrap_or_default());
        (figures.next().unwrap_or_default(), figures.next().unwrap_or_default())
    });
    figures.fold((0, 0), |sum, figures| (sum.0 + figures.0, sum.1 + figures.1))
}

/// Has two threads use all the time that they get, and waits until what was saved up is used.
fn spins(server: &Server) -> u32 {
    server.call("spin", json!({"count": 2})).is(200);
    within(seconds(120), "it is slowed down", || (server.details().number("/runtimeStatus/heldMs") > 0).then_some(()));
    server.pid()
}

#[test]
fn a_server_keeps_to_its_share_of_the_processors_and_answers() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(limited(json!({"cpuPercent": 20})));
    let pid = spins(&server);
    server.details().has("/limits/cpuPercent", 20);
    let (before, began) = (processor_time(pid), support::wait::now());
    while began.elapsed() < seconds(3) {
        server.call("echo", json!({"message": "x"})).is(200);
    }
    let (after, elapsed) = (processor_time(pid), began.elapsed().as_nanos() as f64);
    let used = (after.0 - before.0) as f64 / elapsed;
    // Where the machine is busy, it may not get its share.
    let wanted = used + (after.1 - before.1) as f64 / elapsed;
    println!("used {used:.3} of a core, wanted {wanted:.3}");
    assert!(used < 0.4 && wanted > 0.15, "{used} {wanted}");
    let timeline = server.caller.get(&server.path("/timeline?kinds=ostler")).is(200).text();
    assert!(timeline.contains("`limits.cpuPercent`"), "{timeline}");
    server.details().has("/runtimeStatus/restarts", 0);
    server.stop().is(200);
    ostler.leaves_nothing();
}

#[test]
fn a_guard_that_is_killed_leaves_nothing_that_it_has_stopped() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(limited(json!({"cpuPercent": 5})));
    server.call("fork", json!({"count": 3})).is(200);
    spins(&server);
    let is_of_server = |one: &Process| one.command.contains("hostile");
    let old: Vec<_> = ostler.processes().into_iter().filter(is_of_server).collect();
    assert_eq!(old.len(), 4, "{old:?}");
    eventually("all of it is stopped", || old.iter().all(|one| processes::suspended(one.pid)).then_some(()));
    processes::kill(processes::look_at(server.pid()).unwrap().parent);
    within(seconds(5), "it is gone", || old.iter().all(|one| !processes::alive(one.pid)).then_some(()));
    eventually("a call works again", || (server.call("echo", json!({"message": "x"})).status == 200).then_some(()));
}

#[test]
fn descriptors_are_bounded() {
    let ostler = Ostler::spawn();
    let open =
        |spec: Spec, count: u64| ostler.admin().running(spec).call("open", json!({"count": count})).is(200).said();
    let said = open(limited(json!({"openFiles": 100})).named("few"), 200);
    assert!(said.starts_with('9'), "{said}");
    let said = open(fake("ok").named("usual"), 2000);
    assert!(said.starts_with("10"), "{said}");
    assert_eq!(open(limited(json!({"openFiles": 1500})).named("more"), 1400), "1400");
}

#[test]
fn the_limits_in_force_are_those_of_the_server_and_then_the_usual_ones() {
    let ostler = Ostler::with(&[("MCP_PROCESSES", "100"), ("MCP_MEMORY_MB", "0"), ("MCP_OPEN_FILES", "3000")]);
    let server = ostler.admin().register(limited(json!({"processes": 200})));
    let own = json!({"memoryMb": null, "processes": 200, "cpuPercent": null, "openFiles": null, "diskMb": null});
    server.details().has("/server/limits", own);
    server.details().has("/limits/processes", 200).has("/limits/memoryMb", Value::Null).has("/limits/openFiles", 3000);
    server.details().has("/limits/diskMb", 8192);
    server.change(json!({"limits": {}})).is(200);
    server.details().has("/limits/processes", 100);
}
