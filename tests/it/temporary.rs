//! Temporary files of contained servers: theirs alone, by a short path, and gone with their processes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::{
    processes::{self, environment, look_at},
    *,
};

/// Where a browser makes its socket: a folder of a random name.
const OF_BROWSER: &str = "org.chromium.Chromium.aBcDeF";

/// Most bytes of the path of a UNIX socket.
const SOCKET_BYTES_MAX: usize = 107;

fn browser(name: &str, level: &str) -> Spec {
    fake("ok").named(name).set("sandbox", json!({"level": level, "unixSockets": true}))
}

/// The link and the folder of the temporary files of a server's process.
fn temporary(server: &Server) -> (PathBuf, PathBuf) {
    let link = PathBuf::from(&environment(server.pid())["TMPDIR"]);
    (link.clone(), fs::read_link(link).unwrap())
}

/// Those of the process that follows one with these.
fn next(server: &Server, before: &(PathBuf, PathBuf)) -> (PathBuf, PathBuf) {
    let pid = || server.details().json.pointer("/runtimeStatus/pid").and_then(Value::as_u64);
    eventually("another process runs", || {
        let link = PathBuf::from(environment(pid()?.try_into().ok()?).get("TMPDIR")?);
        let folder = fs::read_link(&link).ok()?;
        (link != before.0).then_some((link, folder))
    })
}

#[track_caller]
fn attempt(server: &Server, kind: &str, target: &Path) -> String {
    server.call("attempt", json!({"kind": kind, "target": target})).is(200).said()
}

#[track_caller]
fn are_gone((link, folder): &(PathBuf, PathBuf)) {
    eventually("its temporary files are gone", || (link.symlink_metadata().is_err() && !folder.exists()).then_some(()));
}

/// An Ostler whose folder of servers has a long path.
fn far_below() -> Ostler {
    let setup = Setup::new();
    let servers = setup.home.join("servers").join("in-a-folder-with-a-rather-long-name");
    assert!(servers.as_os_str().len() + OF_BROWSER.len() > SOCKET_BYTES_MAX, "{servers:?}");
    setup.env("MCP_SERVERS_DIR", servers.to_str().unwrap()).spawn()
}

#[test]
fn a_browser_makes_its_socket_however_long_the_path_of_all_servers_is() {
    let ostler = far_below();
    let strict = crate::sandbox::has_bubblewrap().then_some("strict");
    for level in ["standard"].into_iter().chain(strict) {
        let server = ostler.admin().running(browser(level, level));
        assert_eq!(attempt(&server, "listen-in-temporary", Path::new(OF_BROWSER)), "done", "{level}");
        assert_eq!(attempt(&server, "listen-in-temporary", &Path::new(OF_BROWSER).join("again")), "done", "{level}");
    }
}

#[test]
fn temporary_files_are_one_servers_alone() {
    let ostler = far_below();
    let [one, other] = ["one", "other"].map(|name| ostler.admin().running(browser(name, "standard")));
    let (link, folder) = temporary(&one);
    assert_eq!(attempt(&one, "make", &link.join("file")), "done");
    assert_ne!(temporary(&other), temporary(&one));
    // One may do what it likes in the folder of all temporary files, unless the test's own lie there.
    let wide = json!({"paths": {"write": ["/tmp"]}});
    let wide = (!folder.starts_with("/tmp")).then(|| fake("ok").named("wide").set("sandbox", wide));
    let wide = wide.map(|wide| ostler.admin().running(wide));
    for stranger in wide.iter().chain([&other]) {
        for (kind, target) in [("list", &link), ("list", &folder), ("make", &link.join("file"))] {
            assert_eq!(attempt(stranger, kind, target), "Permission denied (os error 13)", "{kind} {target:?}");
        }
    }
}

#[test]
fn temporary_files_are_gone_with_the_processes_however_those_end() {
    let mut ostler = far_below();
    let server = ostler.admin().running(browser("browser", "standard"));
    let fill = |server: &Server| assert_eq!(attempt(server, "listen-in-temporary", Path::new(OF_BROWSER)), "done");
    fill(&server);
    let stopped = temporary(&server);
    server.stop().is(200);
    are_gone(&stopped);
    server.start().is(200);
    fill(&server);
    let killed = temporary(&server);
    processes::kill(server.pid());
    are_gone(&killed);
    let unguarded = next(&server, &killed);
    fill(&server);
    processes::kill(look_at(server.pid()).unwrap().parent);
    are_gone(&unguarded);
    let orphaned = next(&server, &unguarded);
    fill(&server);
    ostler.kill();
    are_gone(&orphaned);
    ostler.start_again();
    let server = ostler.admin().server(&server.id);
    server.start().is(200);
    fill(&server);
    let left = temporary(&server);
    let guard = look_at(server.pid()).unwrap().parent;
    ostler.kill();
    // Guards have half a second, in which everything may go at once.
    processes::kill(guard);
    ostler.start_again();
    are_gone(&left);
    assert_eq!(fs::read_dir(left.1.parent().unwrap()).unwrap().count(), 1, "but for its home");
}

#[test]
fn temporary_files_count_as_the_servers_own() {
    let ostler = far_below();
    let server = ostler.admin().running(fake("ok").set("limits", json!({"diskMb": 2})));
    fs::write(temporary(&server).1.join("file"), vec![7; 3 << 20]).unwrap();
    let exit = eventually("it is ended", || {
        let details = server.details();
        details.json.pointer("/runtimeStatus/lastExit/exceeded").cloned().filter(Value::is_object)
    });
    assert_eq!((&exit["limit"], &exit["allowed"]), (&json!("diskMb"), &json!(2)));
    server.becomes("running");
}
