//! A copy of a data folder: another Ostler may live on it beside the first, and ends none of its servers.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::support::{self, processes::alive, setup::PROGRAM, *};

/// The set-up of an Ostler on a copy of everything in this one's data folder.
fn copied(original: &Ostler) -> Setup {
    let copy = Setup::new();
    let status = Command::new("cp").arg("-r").arg(original.setup.home.join("data")).arg(&copy.home).status();
    assert!(status.unwrap().success());
    copy
}

/// Claims that a call under way outlives the start of whatever `rival` is, and that the server stays as it is.
#[track_caller]
fn is_spared(ostler: &Ostler, rival: impl FnOnce() -> Ostler) {
    let server = ostler.admin().running(fake("daemon"));
    let before = ostler.processes();
    assert!(before.iter().any(|process| process.command.contains("linger")), "the daemon is there");
    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.call("sleep", json!({"ms": 1500})));
        eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        let rival = rival();
        assert!(!rival.errors().contains("were killed"), "{}", rival.errors());
        assert_eq!(call.join().unwrap().is(200).said(), "slept");
    });
    assert!(before.iter().all(|process| alive(process.pid)), "something was killed");
    server.details().has("/runtimeStatus/restarts", 0);
}

#[test]
fn a_copy_of_a_living_data_folder_spares_the_servers_of_the_original() {
    for part in ["all", "gateway"] {
        let ostler = Ostler::spawn();
        is_spared(&ostler, || copied(&ostler).env("OSTLER_SERVE", part).spawn());
    }
}

#[test]
fn two_data_folders_with_the_same_installation_spare_each_other() {
    let ostler = Ostler::spawn();
    let other = Setup::new();
    fs::create_dir(other.home.join("data")).unwrap();
    let installation = fs::read_to_string(ostler.setup.home.join("data/installation")).unwrap();
    fs::write(other.home.join("data/installation"), installation.lines().next().unwrap()).unwrap();
    is_spared(&ostler, || other.spawn());
}

#[test]
fn a_copy_spares_servers_whose_ostler_has_a_process_namespace_of_its_own() {
    let namespace = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    if !Command::new("unshare").args(namespace).arg("true").status().is_ok_and(|status| status.success()) {
        return support::absent("process namespaces may not be made here");
    }
    let mut setup = Setup::new();
    let script = setup.home.join("in-namespace");
    fs::write(&script, format!("#!/bin/sh\nexec unshare {} '{PROGRAM}' \"$@\"\n", namespace.join(" "))).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    setup.program = script;
    let ostler = setup.spawn();
    is_spared(&ostler, || copied(&ostler).spawn());
}
