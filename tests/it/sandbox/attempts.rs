//! Attempts of a hostile server, and what each comes to: at the level none, at standard, and at strict.

use std::{
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            net::{SocketAddr, UnixDatagram},
            process::CommandExt,
        },
    },
    process::{Child, Stdio},
    thread,
};

use super::*;
use crate::support::processes::look_at;

const OTHER_DEVICE: &str = "Invalid cross-device link (os error 18)";

const REFUSED: &str = "Connection refused (os error 111)";

const NO_NAMESPACE: &str = "unshare: unshare failed: Operation not permitted";

const NO_FAMILY: &str = "Address family not supported by protocol (os error 97)";

const DONE: &str = "done";

/// Attempts that are closed to all on some machines: by a setting of the kernel, or as it was built.
const CLOSED_ELSEWHERE: [&str; 11] = [
    "call-host-of-machine",
    "trace",
    "read-memory",
    "open-memory",
    "take-descriptor",
    "compare",
    "make-namespace",
    "keyring",
    "make-ring",
    "handle-page-faults",
    "count-events",
];

/// An attempt, its target, and what it comes to at standard and at strict; at none it is done.
type Attempt = (&'static str, String, &'static str, &'static str);

/// A process outside, of the same user, that leads a group of its own.
struct Victim(Child);

impl Victim {
    fn new() -> Self {
        let mut sleep = Command::new("sleep");
        Self(sleep.arg("600").env("SECRET", "s").stdin(Stdio::null()).process_group(0).spawn().unwrap())
    }

    /// One in a terminal of its own, and the path of that.
    fn in_terminal() -> Option<(Self, String)> {
        let mut script = Command::new("script");
        script.args(["--quiet", "--command", "exec sleep 600", "/dev/null"]).env("SHELL", "/bin/sh");
        let Ok(child) = script.stdin(Stdio::piped()).stdout(Stdio::null()).spawn() else {
            absent("there is no program `script` here");
            return None;
        };
        let pid = child.id();
        let terminal = eventually("it has a terminal", || {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
            let first = children.split_whitespace().next()?;
            let terminal = fs::read_link(format!("/proc/{first}/fd/0")).ok()?.into_os_string().into_string().unwrap();
            terminal.starts_with("/dev/pts/").then_some(terminal)
        });
        Some((Self(child), terminal))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A file that is removed in the end.
struct Planted(String);

impl Drop for Planted {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

/// On files: of Ostler, of its user, of the machine.
fn on_files(setup: &Setup) -> Vec<Attempt> {
    let home = &setup.home;
    fs::create_dir_all(home.join(".ssh")).unwrap();
    for planted in [".ssh/id_ed25519", "data/planted", ".bashrc"] {
        fs::write(home.join(planted), "secret").unwrap();
    }
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    vec![
        ("read", path("data/secret.key"), DENIED, ABSENT),
        ("read", path("data/ostler.db"), DENIED, ABSENT),
        ("open-to-write", path("data/ostler.db"), DENIED, ABSENT),
        ("read", path("data/installation"), DENIED, ABSENT),
        ("append", path("data/planted"), DENIED, ABSENT),
        ("empty", path("data/planted"), DENIED, ABSENT),
        ("list", path("data"), DENIED, ABSENT),
        ("list", path("data/logs"), DENIED, ABSENT),
        ("make", path("data/new"), DENIED, ABSENT),
        ("rename", path("data/planted"), DENIED, ABSENT),
        ("name-once-more", path("data/planted"), OTHER_DEVICE, ABSENT),
        ("read-by-link", path("data/secret.key"), DENIED, ABSENT),
        ("read", path(".ssh/id_ed25519"), DENIED, ABSENT),
        ("list", path(".ssh"), DENIED, ABSENT),
        ("append", path(".bashrc"), DENIED, ABSENT),
        ("make", path("new"), DENIED, READ_ONLY),
        ("make-folder", path("servers/new"), DENIED, READ_ONLY),
        // The one at strict is its own.
        ("make", format!("/tmp/ostler-{}", setup.tag), DENIED, DONE),
    ]
}

/// On another server: its folder, its caches, its process.
fn on_another_server(setup: &Setup, other: &Server) -> Vec<Attempt> {
    let home = setup.home.join(format!("servers/{}/shared", other.id));
    for planted in [".npm/_npx/a/index.js", ".cache/uv/archive-v0/a/main.py", "notes"] {
        fs::create_dir_all(home.join(planted).parent().unwrap()).unwrap();
        fs::write(home.join(planted), "").unwrap();
    }
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let temporary = &environment(other.pid())["TMPDIR"];
    vec![
        ("list", path(""), DENIED, ABSENT),
        ("read", path("notes"), DENIED, ABSENT),
        ("make", path("new"), DENIED, ABSENT),
        ("append", path(".npm/_npx/a/index.js"), DENIED, ABSENT),
        ("append", path(".cache/uv/archive-v0/a/main.py"), DENIED, ABSENT),
        ("make", format!("{temporary}/new"), DENIED, ABSENT),
        ("read", format!("/proc/{}/environ", other.pid()), DENIED, ABSENT),
        ("open-memory", other.pid().to_string(), DENIED, ABSENT),
        ("signal", other.pid().to_string(), NOT_PERMITTED, NO_PROCESS),
    ]
}

/// On a process of the user.
fn on_processes(victim: u32) -> Vec<Attempt> {
    let proc = |name: &str| format!("/proc/{victim}/{name}");
    let of_pid = [
        ("signal", NOT_PERMITTED, NO_PROCESS),
        ("signal-group", NOT_PERMITTED, NO_PROCESS),
        ("signal-thread", NOT_PERMITTED, NO_PROCESS),
        ("signal-by-descriptor", NOT_PERMITTED, NO_PROCESS),
        ("limit", NOT_PERMITTED, NOT_PERMITTED),
        ("priority", NOT_PERMITTED, NOT_PERMITTED),
        ("io-priority", NOT_PERMITTED, NOT_PERMITTED),
        ("scheduling", NOT_PERMITTED, NOT_PERMITTED),
        ("affinity", NOT_PERMITTED, NOT_PERMITTED),
        ("trace", NOT_PERMITTED, NOT_PERMITTED),
        ("read-memory", NOT_PERMITTED, NOT_PERMITTED),
        ("open-memory", DENIED, ABSENT),
        ("take-descriptor", NOT_PERMITTED, NO_PROCESS),
        ("compare", NOT_PERMITTED, NOT_PERMITTED),
    ];
    let on_pid = of_pid.map(|(kind, standard, strict)| (kind, victim.to_string(), standard, strict));
    let on_files = vec![
        ("read", proc("environ"), DENIED, ABSENT),
        ("read", proc("maps"), DENIED, ABSENT),
        ("read-link", proc("fd/0"), DENIED, ABSENT),
        ("read-link", proc("cwd"), DENIED, ABSENT),
        ("list", proc("root"), DENIED, ABSENT),
        ("open-to-write", proc("oom_score_adj"), DENIED, ABSENT),
    ];
    on_files.into_iter().chain(on_pid).collect()
}

/// On what keeps it: Ostler, and its own guard, if it is the server that runs at this level.
fn on_ostler(ostler: &Ostler) -> Vec<Attempt> {
    let (ostler, root) = (ostler.pid(), rustix::process::geteuid().is_root());
    let proc = |name: &str| format!("/proc/{ostler}/{name}");
    let mut attempts = vec![
        ("signal", ostler.to_string(), NOT_PERMITTED, NO_PROCESS),
        ("affinity", ostler.to_string(), NOT_PERMITTED, NOT_PERMITTED),
    ];
    if root {
        // To others it is closed by itself.
        attempts.extend([
            ("read", proc("environ"), DENIED, ABSENT),
            ("open-memory", ostler.to_string(), DENIED, ABSENT),
            ("trace", ostler.to_string(), NOT_PERMITTED, NOT_PERMITTED),
        ]);
    }
    attempts
}

/// On the machine, where Ostler is root.
fn of_root(setup: &Setup) -> Vec<Attempt> {
    if !rustix::process::geteuid().is_root() {
        return Vec::new();
    }
    let path = |name: &str| setup.home.join(name).to_str().unwrap().to_owned();
    vec![
        ("read", "/etc/shadow".into(), DENIED, ABSENT),
        ("open-to-write", "/proc/sys/kernel/core_pattern".into(), DENIED, READ_ONLY),
        ("open-by-handle", path("data/secret.key"), NOT_PERMITTED, ABSENT),
        ("mount", path("servers"), NOT_PERMITTED, NOT_PERMITTED),
        ("change-root", String::new(), NOT_PERMITTED, NOT_PERMITTED),
        ("enter-namespace", "/proc/self/ns/uts".into(), NOT_PERMITTED, NOT_PERMITTED),
        ("load-program", String::new(), NOT_PERMITTED, NOT_PERMITTED),
    ]
}

/// On the kernel, by calls that servers do without.
fn on_kernel() -> Vec<Attempt> {
    let refused = ["keyring", "make-ring", "handle-page-faults", "count-events", "fix-addresses"];
    let refused = refused.map(|kind| (kind, String::new(), NOT_PERMITTED, NOT_PERMITTED));
    refused.into_iter().chain([("make-namespace", String::new(), NO_NAMESPACE, NO_NAMESPACE)]).collect()
}

#[track_caller]
fn check(servers: &[&Server; 3], (kind, target, at_standard, at_strict): Attempt) {
    let [free, standard, strict] = servers;
    let at_none = attempt(free, kind, &target);
    if at_none != DONE && CLOSED_ELSEWHERE.contains(&kind) {
        absent(&format!("{kind} is closed to all here: {at_none}"));
    } else {
        assert_eq!(at_none, DONE, "{kind} {target} at none");
    }
    assert_eq!(attempt(standard, kind, &target), at_standard, "{kind} {target} at standard");
    // Where there is no strict one, it is the other once more.
    if strict.id != standard.id {
        assert_eq!(attempt(strict, kind, &target), at_strict, "{kind} {target} at strict");
    }
}

fn at_level(admin: &Caller, level: &str) -> Server {
    admin.running(fake("ok").named(level).set("sandbox", json!({"level": level})))
}

/// A server at each level that this machine has.
fn at_each_level(admin: &Caller) -> [Server; 3] {
    let at = |level: &str| at_level(admin, level);
    let standard = at("standard");
    [at("none"), standard.clone(), if has_bubblewrap() { at("strict") } else { standard }]
}

#[test]
fn what_a_server_could_do_as_its_user_it_cannot_when_contained() {
    // A limit of processes puts servers of an ordinary user into user namespaces, from which the kernel lets none look
    // into processes outside, at whatever level.
    let ostler = Ostler::with(&[("MCP_PROCESSES", "0")]);
    let servers = at_each_level(&ostler.admin());
    let servers = servers.each_ref();
    on_everything(&ostler, servers[1], |attempt| check(&servers, attempt));
    for server in &servers[1..] {
        server.call("echo", json!({"message": "works"})).is(200);
    }
}

#[test]
fn nor_can_it_in_namespaces_of_ostlers_own_where_bubblewrap_is_missing() {
    let Some(setup) = without_bubblewrap() else { return };
    let ostler = setup.spawn();
    let server = at_level(&ostler.admin(), "strict");
    on_everything(&ostler, &server, |(kind, target, _, at_strict)| {
        assert_eq!(attempt(&server, kind, &target), at_strict, "{kind} {target}");
    });
    let modes = ostler.setup.home.join(".bashrc");
    assert_eq!(attempt(&server, "open-to-all", modes.to_str().unwrap()), ABSENT);
    let waiting = ostler.processes().into_iter().filter(|one| one.command.starts_with("ostler-enclosure")).count();
    assert!(waiting >= 2, "two wait for each server");
    // The end of a server is one, and an orphan inside goes with it.
    server.call("fork", json!({"count": 2})).is(200);
    server.call("crash", json!({})).is(503);
    eventually("it is there again", || (server.call("echo", json!({"message": "x"})).status == 200).then_some(()));
    server.details().has("/runtimeStatus/lastExit/code", 9);
    server.stop().is(200);
}

/// Makes each attempt; `contained` is a server that makes them.
fn on_everything(ostler: &Ostler, contained: &Server, mut make: impl FnMut(Attempt)) {
    let other = ostler.admin().running(fake("ok").named("other"));
    let (setup, victim, terminal) = (&ostler.setup, Victim::new(), Victim::in_terminal());
    let socket = setup.home.join("socket");
    let datagrams = setup.home.join("datagrams");
    let _datagrams = UnixDatagram::bind(&datagrams).unwrap();
    let (_listener, name) = (UnixListener::bind(&socket).unwrap(), format!("ostler-{}", setup.tag));
    let _receiver = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let guard = look_at(contained.pid()).unwrap().parent.to_string();
    let single = [
        ("connect", socket.to_str().unwrap().to_owned(), NOT_PERMITTED, NOT_PERMITTED),
        ("send-from-pair", datagrams.to_str().unwrap().to_owned(), NOT_PERMITTED, NOT_PERMITTED),
        ("call-host-of-machine", String::new(), NO_FAMILY, NO_FAMILY),
        ("have-run-as-owner", String::new(), NOT_PERMITTED, NOT_PERMITTED),
        ("connect-abstract", name, NOT_PERMITTED, NOT_PERMITTED),
        ("signal", guard, NOT_PERMITTED, NO_PROCESS),
    ];
    let terminal = terminal.as_ref().map(|(_, path)| ("append", path.clone(), DENIED, ABSENT));
    let attempts = [
        on_files(setup),
        on_another_server(setup, &other),
        on_processes(victim.0.id()),
        on_ostler(ostler),
        on_kernel(),
        of_root(setup),
    ];
    let attempts: Vec<_> = attempts.into_iter().flatten().chain(single).chain(terminal).collect();
    println!("{} attempts", attempts.len());
    attempts.into_iter().for_each(&mut make);
}

/// As SECURITY.md says: Landlock has no rights for modes, for what is known of files, or for this machine's network.
#[test]
fn what_is_left_open_at_standard_is_what_the_documentation_says() {
    let ostler = Ostler::spawn();
    let servers = at_each_level(&ostler.admin());
    let path = |name: &str| ostler.setup.home.join(name).to_str().unwrap().to_owned();
    fs::write(path(".bashrc"), "secret").unwrap();
    let shared = Planted(format!("/dev/shm/ostler-{}", ostler.setup.tag));
    fs::write(&shared.0, "").unwrap();
    for attempt in [
        ("open-to-all", path(".bashrc"), DONE, ABSENT),
        ("look-at", path(".bashrc"), DONE, ABSENT),
        ("be-told-of-changes", path("data"), DONE, ABSENT),
        ("read", shared.0.clone(), DONE, ABSENT),
        ("append", shared.0.clone(), DONE, ABSENT),
        ("dial", ostler.address.to_string(), DONE, DONE),
    ] {
        check(&servers.each_ref(), attempt);
    }
}

#[test]
fn without_a_network_no_service_of_this_machine_is_reached() {
    let mut unshare = Command::new("unshare");
    if !unshare.args(["--user", "--net", "true"]).status().is_ok_and(|status| status.success()) {
        return absent("no network namespace can be made here");
    }
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let answering = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (dialled, asked) = (listener.local_addr().unwrap(), answering.local_addr().unwrap());
    thread::spawn(move || {
        while let Ok((_, asker)) = answering.recv_from(&mut [0]) {
            let _ = answering.send_to(b"y", asker);
        }
    });
    let at = |level: &str, network: &str| {
        let sandbox = json!({"level": level, "network": network});
        admin.running(fake("ok").named(level).set("sandbox", sandbox))
    };
    let standard = at("standard", "none");
    let strict = if has_bubblewrap() { at("strict", "none") } else { standard.clone() };
    let servers = [&at("none", "full"), &standard, &strict];
    for attempt in [
        ("dial", ostler.address.to_string(), REFUSED, REFUSED),
        ("dial", dialled.to_string(), REFUSED, REFUSED),
        ("ask-by-datagram", asked.to_string(), REFUSED, REFUSED),
    ] {
        check(&servers, attempt);
    }
}

/// A bomb: the tool, its parameters, what it says where nothing limits it, and the limit.
type Bomb = (&'static str, Value, &'static str, (&'static str, u64));

#[test]
fn bombs_end_at_their_limits_at_each_level() {
    let ostler = Ostler::spawn();
    let bombs: [Bomb; 4] = [
        ("fill-memory", json!({"mib": 160, "perSecond": 1024, "file": "progress"}), "160", ("memoryMb", 64)),
        ("fork", json!({"count": 100}), "100", ("processes", 64)),
        ("open", json!({"count": 300}), "300", ("openFiles", 100)),
        ("fill-disk", json!({"mib": 12}), "12", ("diskMb", 4)),
    ];
    let levels = if has_bubblewrap() { &["standard", "strict"][..] } else { &["standard"] };
    for (tool, parameters, unlimited, (limit, allowed)) in bombs {
        let server = |level: &str, limits: Value| {
            let spec = fake("ok").named(tool).set("sandbox", json!({"level": level})).set("limits", limits);
            ostler.admin().running(spec)
        };
        let free = server("none", json!({}));
        assert_eq!(free.call(tool, parameters.clone()).is(200).said(), unlimited, "{tool} at none");
        free.stop().is(200);
        for level in levels {
            let bounded = server(level, json!({limit: allowed}));
            let answer = bounded.call(tool, parameters.clone());
            let is_refused = answer.status == 200 && answer.said() != unlimited;
            if !is_refused {
                let exceeded = eventually("it is ended", || {
                    let details = bounded.details();
                    details.json.pointer("/runtimeStatus/lastExit/exceeded/limit").cloned().filter(Value::is_string)
                });
                assert_eq!(exceeded, limit, "{tool} at {level}: {answer:?}");
            }
            bounded.stop().is(200);
        }
    }
}
