//! Contained servers that run as a user of their own, where Ostler is root.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    process::Command,
};

use crate::support::{processes::environment, real::has_program, setup::Setup, *};

/// A user that every machine has, and its number on most.
const USER: &str = "nobody";
const NOBODY: u32 = 65_534;

/// An Ostler of root's with this setting, in a folder that the user reaches, and the fake there.
fn of_root() -> Option<(Setup, PathBuf)> {
    if !rustix::process::geteuid().is_root() {
        absent("only root may run servers as somebody else");
        return None;
    }
    let setup = Setup { user: None, ..Setup::unprivileged()? };
    let fake = setup.home.join("hostile");
    Some((setup.env("OSTLER_SERVERS_USER", USER), fake))
}

fn attempt(server: &Server, kind: &str, target: &str) -> String {
    server.call("attempt", json!({"kind": kind, "target": target})).is(200).said()
}

/// The fields of a process that say who it is, and its rights.
fn identity(pid: u32) -> Vec<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let of = |line: &&str| ["Uid:", "Gid:", "CapPrm:"].iter().any(|name| line.starts_with(name));
    status.lines().filter(of).map(|line| line.replace('\t', " ")).collect()
}

#[test]
fn a_contained_server_is_a_user_of_its_own_who_owns_its_folder_alone() {
    let Some((setup, fake)) = of_root() else { return };
    let ostler = setup.spawn();
    let spec = Spec::new(fake.to_str().unwrap(), json!(["ok"])).set("limits", json!({"processes": 64}));
    let server = ostler.admin().running(spec);
    let pid = server.pid();
    assert_eq!(
        identity(pid),
        ["Uid: 65534 65534 65534 65534", "Gid: 65534 65534 65534 65534", "CapPrm: 0000000000000000"]
    );
    let own = environment(pid)["HOME"].clone();
    assert_eq!(environment(pid).get("USER").map(String::as_str), Some(USER));
    let temporary = fs::read_link(&environment(pid)["TMPDIR"]).unwrap();
    for place in [own.as_ref(), temporary.as_path()] {
        let found = fs::metadata(place).unwrap();
        assert_eq!((found.uid(), found.mode() & 0o7777), (NOBODY, 0o700), "{}", place.display());
    }
    let in_temporary = format!("{}/new", environment(pid)["TMPDIR"]);
    for (kind, target) in
        [("make", format!("{own}/new")), ("list", own), ("append", "/dev/stderr".into()), ("make", in_temporary)]
    {
        assert_eq!(attempt(&server, kind, &target), "done", "{kind} {target}");
    }
    // What Landlock leaves open to one who owns the file: SECURITY.md.
    let data = ostler.setup.home.join("data");
    for file in [data.join("installation"), data.clone(), PathBuf::from("/etc/hosts")] {
        let refused = attempt(&server, "open-to-all", file.to_str().unwrap());
        assert!(refused.contains("os error 1)") || refused.contains("os error 13)"), "{}: {refused}", file.display());
    }
    // Of an ordinary user the kernel itself counts the processes.
    let said = server.call("fork", json!({"count": 100})).is(200).said();
    assert!(said.ends_with("operation would block"), "{said}");
    server.stop().is(200);
    ostler.leaves_nothing();
    assert!(!temporary.exists(), "temporary files are gone with the process");
}

#[test]
fn a_working_directory_that_the_user_cannot_pass_to_is_named() {
    let Some((setup, fake)) = of_root() else { return };
    let folder = setup.home.join("closed/app");
    fs::create_dir_all(&folder).unwrap();
    let mode = |mode| fs::set_permissions(setup.home.join("closed"), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o700);
    let ostler = setup.clone().spawn();
    let spec = Spec::new(fake.to_str().unwrap(), json!(["ok"])).set("cwd", json!(folder));
    let server = ostler.admin().register(spec);
    let refused = server.start().problem(500, "spawn_failed").text();
    assert!(refused.contains("`cwd`") && refused.contains("nobody cannot pass"), "{refused}");
    mode(0o711);
    server.start().is(200);
    assert_eq!(fs::read_link(format!("/proc/{}/cwd", server.pid())).unwrap(), folder);
}

#[test]
fn an_installed_package_is_run_by_the_user_who_can_pass_to_it() {
    let Some(()) = has_program("npx") else { return };
    let Some((setup, _)) = of_root() else { return };
    let ostler = setup.after("umask 077").spawn();
    let data = ostler.setup.home.join("data");
    let spec = Spec::new("npx", json!(["-y", "@modelcontextprotocol/server-memory@2026.8.31"])).enabled();
    let server = ostler.admin().register(spec);
    let becomes = |status: &str| within(seconds(240), status, || (server.status() == status).then_some(()));
    becomes("failed");
    let reason = server.details().string("/runtimeStatus/lastExit/reason");
    assert!(reason.contains("nobody cannot pass") && reason.contains("on the way to its package"), "{reason}");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o711)).unwrap();
    server.start().is(200);
    becomes("running");
    assert_eq!(identity(server.pid())[0], "Uid: 65534 65534 65534 65534");
    server.call("read_graph", json!({})).is(200);
    let installed = fs::read_dir(data.join("packages/npm")).unwrap().next().unwrap().unwrap();
    assert_eq!(installed.metadata().unwrap().uid(), 0, "it is Ostler's");
    let strict = json!({"sandbox": {"level": "strict"}});
    server.change(strict).is(200);
    eventually("it runs at strict", || (server.call("read_graph", json!({})).status == 200).then_some(()));
}

#[test]
fn a_strict_server_is_that_user_too() {
    let Some((setup, fake)) = of_root() else { return };
    let tried = Command::new("/usr/bin/bwrap").args(["--unshare-user", "--ro-bind", "/", "/", "true"]).status();
    if !tried.is_ok_and(|status| status.success()) {
        return absent("bubblewrap does not run here");
    }
    let ostler = setup.spawn();
    let spec = Spec::new(fake.to_str().unwrap(), json!(["ok"])).set("sandbox", json!({"level": "strict"}));
    let server = ostler.admin().running(spec);
    server.call("echo", json!({"message": "x"})).is(200);
    let inside: Vec<_> = ostler.processes().into_iter().filter(|one| one.command.contains("hostile ok")).collect();
    assert!(!inside.is_empty());
    for process in inside {
        assert_eq!(identity(process.pid).first().unwrap(), "Uid: 65534 65534 65534 65534", "{process:?}");
    }
    let own = ostler.setup.home.join(format!("servers/{}/shared/new", server.id));
    assert_eq!(attempt(&server, "make", own.to_str().unwrap()), "done");
}

#[test]
fn a_folder_from_before_is_given_to_the_user() {
    let Some((setup, fake)) = of_root() else { return };
    let mut ostler = setup.clone().without("OSTLER_SERVERS_USER").spawn();
    let server = ostler.admin().running(Spec::new(fake.to_str().unwrap(), json!(["ok"])));
    let own = ostler.setup.home.join(format!("servers/{}/shared", server.id));
    fs::create_dir_all(own.join("cache/deep")).unwrap();
    fs::write(own.join("cache/deep/file"), "").unwrap();
    fs::write(ostler.setup.home.join("another"), "").unwrap();
    fs::hard_link(ostler.setup.home.join("another"), own.join("cache/linked")).unwrap();
    std::os::unix::fs::symlink("/etc/hosts", own.join("cache/link")).unwrap();
    ostler.terminate();
    ostler.setup = setup;
    ostler.start_again();
    server.seen_by(&ostler.admin()).start().is(200);
    let owner = |name: &str| fs::symlink_metadata(own.join(name)).unwrap().uid();
    assert_eq!(["", "cache", "cache/deep/file", "cache/link"].map(owner), [NOBODY; 4]);
    assert_eq!((owner("cache/linked"), fs::metadata("/etc/hosts").unwrap().uid()), (0, 0));
}

#[test]
fn what_cannot_be_is_said_at_the_start() {
    let refusal = |setup: &Setup| {
        let output = setup.command().output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let unknown = Setup::new().env("OSTLER_SERVERS_USER", "no-such-user");
    let said = refusal(&unknown);
    fs::remove_dir_all(&unknown.home).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    let expected = if is_root { "useradd --system no-such-user" } else { "run Ostler as root" };
    assert!(said.contains("OSTLER_SERVERS_USER") && said.contains(expected), "{said}");
    let Some((setup, _)) = of_root() else { return };
    let closed = setup.home.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let setup = setup.env("MCP_SERVERS_DIR", closed.join("servers").to_str().unwrap());
    let said = refusal(&setup);
    fs::remove_dir_all(&setup.home).unwrap();
    assert!(said.contains(closed.to_str().unwrap()) && said.contains("chmod o+x"), "{said}");
}
