//! What a contained server reaches, and what it does not.

mod attempts;

use std::{fs, os::unix::net::UnixListener, process::Command};

use crate::support::{processes::environment, *};

const DENIED: &str = "Permission denied (os error 13)";

const ABSENT: &str = "No such file or directory (os error 2)";

const READ_ONLY: &str = "Read-only file system (os error 30)";

const NO_PROCESS: &str = "No such process (os error 3)";

const NOT_PERMITTED: &str = "Operation not permitted (os error 1)";

/// True if bubblewrap runs here.
pub(crate) fn has_bubblewrap() -> bool {
    let tried = Command::new("/usr/bin/bwrap").args(["--unshare-user", "--ro-bind", "/", "/", "true"]).status();
    let runs = tried.is_ok_and(|status| status.success());
    if !runs {
        absent("bubblewrap does not run here");
    }
    runs
}

/// A set-up of an Ostler that sees no bubblewrap, in a mount namespace of its own, if such may be made here.
fn without_bubblewrap() -> Option<Setup> {
    let kind = if rustix::process::geteuid().is_root() { "--mount" } else { "--mount --map-root-user" };
    let hidden = format!(
        "unshare {kind} sh -c 'test ! -e /usr/bin/bwrap || mount --bind /dev/null /usr/bin/bwrap && exec \"$0\" \"$@\"'"
    );
    let tried =
        Command::new("sh").args(["-c", &format!("{hidden} unshare --user --pid --mount-proc --fork true")]).status();
    if tried.is_ok_and(|status| status.success()) {
        return Some(Setup::new().after(&format!("exec {hidden} \"$0\" \"$@\"")));
    }
    absent("no namespaces can be made here");
    None
}

/// Makes an attempt (`tests/fakes/attempts.rs`) from within a server.
#[track_caller]
fn attempt(server: &Server, kind: &str, target: &str) -> String {
    server.call("attempt", json!({"kind": kind, "target": target})).is(200).said()
}

#[test]
fn a_contained_server_may_do_to_itself_what_it_may_not_do_to_others() {
    let ostler = Ostler::spawn();
    let contained = ostler.admin().running(fake("ok"));
    for kind in ["limit", "affinity", "priority", "pair-of-sockets"] {
        assert_eq!(attempt(&contained, kind, ""), "done", "{kind} of its own");
    }
    assert_eq!(attempt(&contained, "priority-of-user", ""), NOT_PERMITTED);
}

#[test]
fn a_contained_server_has_a_home_and_what_its_command_line_names() {
    let setup = Setup::new();
    let path = |name: &str| setup.home.join(name).to_str().unwrap().to_owned();
    fs::create_dir_all(setup.home.join("work/src")).unwrap();
    fs::create_dir_all(setup.home.join("files")).unwrap();
    fs::write(setup.home.join("work/src/index.js"), "").unwrap();
    fs::write(setup.home.join("work/package.json"), "{}").unwrap();
    fs::write(setup.home.join(".gitconfig"), "[user]\n\tname = Ada\n[credential]\n\thelper = x\n").unwrap();
    let [script, files, work, home] = ["work/src/index.js", "files", "work", ""].map(path);
    let ostler = setup.spawn();
    let spec = fake_with("ok", &[&script]).env("FILES", &files).env("HOME_OF_USER", &home);
    let server = ostler.admin().running(spec);
    let granted = server.details().is(200);
    let granted = granted.has("/effectiveSandbox/level", "standard");
    granted.has("/effectiveSandbox/paths/write", json!([files])).has("/effectiveSandbox/paths/read", json!([work]));
    let own = environment(server.pid())["HOME"].clone();
    for (kind, target, outcome) in [
        ("make", format!("{files}/new"), "done"),
        ("read", script.clone(), "done"),
        ("read", format!("{work}/package.json"), "done"),
        ("append", script, DENIED),
        ("make", format!("{own}/new"), "done"),
        ("make", format!("{}/new", environment(server.pid())["TMPDIR"]), "done"),
        ("make", "relative".into(), "done"),
        ("list", home.clone(), DENIED),
        ("read", format!("{home}/.gitconfig"), DENIED),
        ("read", "/etc/hosts".into(), "done"),
        ("append", "/dev/null".into(), "done"),
        ("list", "/proc".into(), "done"),
        ("run", "/bin/cat".into(), "done"),
    ] {
        assert_eq!(attempt(&server, kind, &target), outcome, "{kind} {target}");
    }
    assert_eq!(fs::read_to_string(format!("{own}/.gitconfig")).unwrap(), "[user]\n\tname = Ada\n");
}

#[test]
fn a_server_gets_more_by_its_sandbox_from_those_who_may_write_command_lines() {
    let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", &format!("{} ok", server::hostile_server().display()))]);
    let (admin, developer) = (ostler.admin(), ostler.user("developer"));
    let folder = ostler.setup.home.join("more");
    fs::create_dir_all(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    let spec = |sandbox: Value| fake("ok").set("sandbox", sandbox);
    let more = json!({"paths": {"write": [folder]}, "unixSockets": true});
    for (refused, place) in [(json!({"level": "none"}), "sandbox.level"), (more.clone(), "sandbox.paths.write")] {
        let answer = developer.try_register(spec(refused)).problem(403, "forbidden");
        assert!(answer.text().contains(place), "{answer:?}");
    }
    // One who may not write command lines has nothing granted by naming it.
    let named = developer.running(fake("ok").env("FILES", folder));
    assert_eq!(attempt(&named, "make", &format!("{folder}/new")), DENIED);
    named.details().has("/effectiveSandbox/paths/write", json!([]));
    let server = admin.running(spec(more));
    assert_eq!(attempt(&server, "make", &format!("{folder}/new")), "done");
    let socket = ostler.setup.home.join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    assert_eq!(attempt(&server, "connect", socket.to_str().unwrap()), "done");
    server.change(json!({"sandbox": {}})).is(200);
    eventually("it is contained again", || {
        (attempt(&server, "make", &format!("{folder}/new")) == DENIED).then_some(())
    });
}

#[test]
fn a_path_that_can_never_be_granted_is_refused_with_its_place_and_the_reason() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let other = admin.register(fake("ok").named("other"));
    let path = |name: &str| ostler.setup.home.join(name).to_str().unwrap().to_owned();
    std::os::unix::fs::symlink(path("data"), path("link")).unwrap();
    let with = |paths: &Value| fake("ok").set("sandbox", json!({"paths": paths}));
    let (server, ours, of_servers) = (admin.register(fake("ok")), "Ostler's own", "servers have their own folders");
    for (paths, place, why) in [
        (json!({"read": ["/srv", path("data/secret.key")]}), "read/1", ours),
        (json!({"read": [path("link/not-there")]}), "read/0", ours),
        (json!({"write": [path("data/logs")]}), "write/0", ours),
        (json!({"write": ["/"]}), "write/0", "grant folders beside that"),
        (json!({"write": [path("")]}), "write/0", "grant folders beside that"),
        (json!({"read": [path("servers")]}), "read/0", of_servers),
        (json!({"write": [path(&format!("servers/{}/shared", other.id))]}), "write/0", of_servers),
    ] {
        let pointer = format!("/sandbox/paths/{place}");
        let written = paths.pointer(&format!("/{place}")).unwrap().as_str().unwrap();
        let change = json!({"sandbox": {"paths": paths.clone()}});
        for answer in [admin.try_register(with(&paths).named("new")), server.change(change)] {
            let message = answer.is(422).has("/errors/0/pointer", pointer.as_str()).string("/errors/0/message");
            assert!(message.contains(&format!("`{written}`")) && message.contains(why), "{message}");
        }
    }
    // Everything that stood before stands.
    admin.register(with(&json!({"read": ["/", "/etc/hosts"], "write": ["/srv/not/there"]})).named("wide"));
}

#[test]
fn a_path_that_comes_to_be_is_granted_to_the_next_process() {
    let ostler = Ostler::spawn();
    let folder = ostler.setup.home.join("later");
    let folder = folder.to_str().unwrap();
    let server = ostler.admin().running(fake("ok").set("sandbox", json!({"paths": {"write": [folder]}})));
    let effective = |server: &Server, paths: Value, not_in_force: Value| {
        let details = server.details().is(200);
        let details = details.has("/effectiveSandbox/paths/write", paths);
        details.has("/effectiveSandbox/notInForce", not_in_force);
    };
    effective(&server, json!([]), json!([folder]));
    fs::create_dir(folder).unwrap();
    assert_eq!(attempt(&server, "make", &format!("{folder}/new")), DENIED);
    server.restart().is(200);
    assert_eq!(attempt(&server, "make", &format!("{folder}/new")), "done");
    effective(&server, json!([folder]), json!([]));
    fs::remove_dir(folder).unwrap();
    server.restart().is(200);
    effective(&server, json!([]), json!([folder]));
}

#[test]
fn a_server_has_nothing_more_granted_by_a_link_of_its_making() {
    let ostler = Ostler::spawn();
    let path = |name: &str| ostler.setup.home.join(name).to_str().unwrap().to_owned();
    for folder in ["files/own", "private"] {
        fs::create_dir_all(path(folder)).unwrap();
    }
    let paths = json!({"write": [path("files"), path("files/own")]});
    let spec = fake_with("ok", &[&path("files/own")]).set("sandbox", json!({"paths": paths}));
    let server = ostler.admin().running(spec);
    assert_eq!(attempt(&server, "make", &path("files/own/new")), "done");
    fs::remove_dir(path("files/own")).unwrap();
    std::os::unix::fs::symlink(path("private"), path("files/own")).unwrap();
    server.restart().is(200);
    assert_eq!(attempt(&server, "make", &path("private/new")), DENIED);
    let effective = server.details().has("/effectiveSandbox/paths/write", json!([path("files")]));
    effective.has("/effectiveSandbox/notInForce", json!([path("files/own")]));
}

#[test]
fn neither_the_systems_settings_nor_keys_are_granted_with_what_is_named() {
    let ostler = Ostler::spawn();
    let home = &ostler.setup.home;
    for file in [".ssh/id_rsa", ".ssh/other", ".config/app/a.json", ".config/gcloud/key.json"] {
        fs::create_dir_all(home.join(file).parent().unwrap()).unwrap();
        fs::write(home.join(file), "secret").unwrap();
    }
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let named = [path(".ssh"), path(".ssh/id_rsa"), path(".config/gcloud/key.json"), path("data/secret.key")];
    let mut args = named.iter().map(String::as_str).collect::<Vec<_>>();
    args.extend(["/etc/shadow", "/etc/ssl/openssl.cnf", "/etc/security"]);
    let server = ostler.admin().running(fake_with("ok", &args));
    let granted = json!([path(".config/gcloud/key.json"), path(".ssh/id_rsa")]);
    server.details().is(200).has("/effectiveSandbox/paths", json!({"read": granted, "write": []}));
    for (kind, target, outcome) in [
        ("read", path(".ssh/id_rsa"), "done"),
        ("append", path(".ssh/id_rsa"), DENIED),
        ("read", path(".ssh/other"), DENIED),
        ("list", path(".ssh"), DENIED),
        ("read", "/etc/shadow".into(), DENIED),
        ("list", "/etc/security".into(), DENIED),
        ("list", "/etc/ssl".into(), "done"),
        ("read", path("data/secret.key"), DENIED),
    ] {
        assert_eq!(attempt(&server, kind, &target), outcome, "{kind} {target}");
    }
    // A sandbox that asks for it has it.
    let asked = json!({"paths": {"read": ["/etc/security"], "write": [path(".ssh")]}});
    let asked = ostler.admin().running(fake("ok").named("asked").set("sandbox", asked));
    assert_eq!(attempt(&asked, "make", &path(".ssh/new")), "done");
}

#[test]
fn a_server_that_cannot_be_contained_is_not_started() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake("ok"));
    // Without the file outside, nothing proves that it is outside.
    fs::remove_file(ostler.setup.home.join("data/installation")).unwrap();
    let answer = server.start().problem(500, "spawn_failed");
    assert!(answer.text().contains("isolation_unavailable") && answer.text().contains("level to none"), "{answer:?}");
    server.becomes("failed");
    ostler.admin().running(fake("ok").uncontained());
}
