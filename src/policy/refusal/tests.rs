//! Lines that programs write when something is refused, and what is proposed for each.

use proptest::{collection, prelude::*};

use super::*;
use crate::{
    error::Faults,
    model::{Network, Sandbox, SandboxPaths, ServerConfig},
};

fn ran(lines: &[&str], sandbox: &Sandbox) -> Option<Refusal> {
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    of(&lines, ContainedProcess { sandbox, own: &["/var/lib/servers/1", "/srv/own"] })
}

#[track_caller]
fn grant(lines: &[&str]) -> Option<Grant> {
    ran(lines, &Sandbox::default()).unwrap_or_else(|| panic!("nothing was refused: {lines:?}")).grant
}

fn read(path: &str) -> Option<Grant> {
    Some(Grant::Read { path: path.into() })
}

fn write(path: &str) -> Option<Grant> {
    Some(Grant::Write { path: path.into() })
}

fn host(host: &str) -> Option<Grant> {
    Some(Grant::Host { host: host.into() })
}

#[test]
fn what_a_server_writes_in_its_own_package_is_never_granted() {
    let place = "/srv/data/packages/npm/b79406f0bfd378720c1b6b02/node_modules/@a/b/dist/memory.jsonl";
    for line in [
        format!("EROFS: read-only file system, open '{place}'"),
        format!("Error: EACCES: permission denied, open '{place}'"),
        format!("Error: EACCES: permission denied, mkdir '{place}'"),
    ] {
        let refused = ran(&[&line], &Sandbox::default()).unwrap();
        assert!(refused.reason.contains("in its own package") && refused.grant.is_none(), "{refused:?}");
    }
    assert_eq!(grant(&["Error: EACCES: permission denied, open '/srv/packages/npm/x'"]), read("/srv/packages/npm/x"));
}

#[test]
fn a_file_that_was_refused_is_named_with_its_setting() {
    for (line, expected) in [
        ("Error: EACCES: permission denied, open '/srv/files/a b.json'", read("/srv/files/a b.json")),
        ("Error: EACCES: permission denied, scandir '/srv/files'", read("/srv/files")),
        ("Error: EACCES: permission denied, mkdir '/srv/files/new'", write("/srv/files")),
        ("Error: EACCES: permission denied, rename '/srv/a/x' -> '/srv/a/y'", write("/srv/a")),
        ("PermissionError: [Errno 13] Permission denied: '/home/ada/notes.db'", read("/home/ada/notes.db")),
        (
            "error: failed to open file `/srv/cache/uv/a.lock`: Permission denied (os error 13)",
            read("/srv/cache/uv/a.lock"),
        ),
        ("error: Permission denied (os error 13) at path \"/srv/cache/uv/.tmpX\"", read("/srv/cache/uv/.tmpX")),
        ("error: failed to create directory `/srv/cache/uv`: Permission denied (os error 13)", write("/srv/cache")),
        ("fatal: unable to access '/srv/git/config': Permission denied", read("/srv/git/config")),
        ("cat: /srv/list: Permission denied", read("/srv/list")),
        ("sh: 1: cannot create /srv/out/log: Permission denied", write("/srv/out")),
        ("2026/11/30 open /srv/list: permission denied", read("/srv/list")),
        ("mkdir /srv/a/b: permission denied", write("/srv/a")),
        ("Error: listen EACCES: permission denied /srv/a/app.sock", write("/srv/a")),
        ("[stdout] \u{1b}[31mcannot open /srv/list\u{1b}[0m: Permission denied", read("/srv/list")),
        ("OSError: [Errno 30] Read-only file system: '/srv/a/b'", write("/srv/a")),
        (
            "80:error:8000000D:system library:BIO_new_file:Permission denied:calling fopen(/opt/ssl/openssl.cnf, rb)",
            read("/opt/ssl/openssl.cnf"),
        ),
    ] {
        assert_eq!(grant(&["at first", line, "    at Object.open (/srv/app/index.js:1:2)"]), expected, "{line}");
    }
    let refusal = ran(&["EACCES: permission denied, open '/srv/a'"], &Sandbox::default()).unwrap();
    assert_eq!(refusal.reason, "its sandbox does not grant /srv/a: allow it with `sandbox.paths.read`");
}

#[test]
fn what_is_granted_already_is_granted_more_or_was_refused_by_another() {
    let paths = SandboxPaths { read: vec!["/srv/a".into()], write: vec!["/srv/b".into()] };
    let sandbox = Sandbox { paths, ..Sandbox::default() };
    let line = |path: &str| format!("EACCES: permission denied, open '{path}'");
    let refused = |path: &str| ran(&[&line(path)], &sandbox);
    assert_eq!(refused("/srv/a/x").unwrap().grant, write("/srv/a/x"));
    assert_eq!(refused("/srv/ab").unwrap().grant, read("/srv/ab"));
    for path in ["/srv/b", "/srv/b/x", "/srv/own/x", "/var/lib/servers/1/x", "/usr/lib/x"] {
        assert_eq!(refused(path), None, "{path}");
    }
    let mut wider = granted(&sandbox, &Grant::Write { path: "/srv/a".into() }).unwrap();
    assert_eq!(wider.paths, SandboxPaths { read: vec![], write: vec!["/srv/b".into(), "/srv/a".into()] });
    assert_eq!(granted(&wider, &Grant::Write { path: "/srv/a".into() }), None);
    wider.level = Some(SandboxLevel::None);
    assert_eq!(ran(&[&line("/srv/x")], &wider), None);
}

#[test]
fn keys_and_what_holds_everything_are_never_proposed() {
    for path in [
        "/home/ada/.ssh/id_ed25519",
        "/home/ada/.aws/credentials",
        "/etc/shadow",
        "/srv/tls/key.pem",
        "/proc/1/environ",
        "/dev/sda",
        "/home/ada",
        "/",
        "/etc",
        "/srv/../etc/shadow",
        "/srv//x",
    ] {
        let refusal = ran(&[&format!("PermissionError: [Errno 13] Permission denied: '{path}'")], &Sandbox::default());
        assert_eq!(refusal.unwrap().grant, None, "{path}");
    }
    let reason = ran(&["EACCES: permission denied, mkdir '/home/ada/x'"], &Sandbox::default()).unwrap().reason;
    assert!(reason.contains("/home/ada, which holds too much to be granted"), "{reason}");
    let long = format!("EACCES: permission denied, open '/srv/{}'", "ä".repeat(2000));
    assert!(ran(&[&long], &Sandbox::default()).unwrap().reason.len() < 300);
}

#[test]
fn texts_of_npm_and_git_that_mislead_are_explained() {
    let npm = [
        "npm error code EACCES",
        "npm error Your cache folder contains root-owned files, due to a bug in",
        "npm error previous versions of npm which has since been addressed.",
        "npm error   sudo chown -R 1000:1000 \"/srv/npm\"",
    ];
    assert_eq!(grant(&npm), write("/srv/npm"));
    assert_eq!(grant(&["fatal: unknown error occurred while reading the configuration files"]), None);
    let link = "OSError: [Errno 18] Invalid cross-device link: '/srv/a/x/1' -> '/srv/a/y/1'";
    assert_eq!(grant(&[link]), write("/srv/a"));
    assert_eq!(grant(&["Error: EXDEV: cross-device link not permitted, link '/srv/a' -> '/opt/b'"]), None);
    assert_eq!(grant(&["Error: listen EACCES: permission denied 0.0.0.0:80"]), None);
}

#[test]
fn sockets_and_container_engines_have_settings_of_their_own() {
    let sockets = Sandbox { unix_sockets: true, ..Sandbox::default() };
    for line in [
        "[7:7:ERROR:process_singleton_posix.cc(340)] socket() failed: Operation not permitted (1)",
        "Error: connect EPERM /run/user/1000/bus",
        "Error: listen EPERM: operation not permitted /srv/app.sock",
        "dial unix /run/app: socket: operation not permitted",
    ] {
        assert_eq!(grant(&[line]), Some(Grant::UnixSockets), "{line}");
        assert_ne!(ran(&[line], &sockets).and_then(|refusal| refusal.grant), Some(Grant::UnixSockets), "{line}");
    }
    for line in [
        "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        "Error: connect EPERM /var/run/docker.sock",
    ] {
        assert_eq!(grant(&[line]), Some(Grant::NoSandbox), "{line}");
    }
    assert_eq!(grant(&["[1:1:FATAL:zygote_host_impl_linux.cc(128)] No usable sandbox!"]), None);
}

#[test]
fn hosts_are_proposed_where_the_network_is_bounded() {
    let limited = Sandbox { network: Network::Hosts(vec!["*.example.org".into()]), ..Sandbox::default() };
    let none = Sandbox { network: Network::None, ..Sandbox::default() };
    for (lines, expected) in [
        (
            &["fatal: unable to access 'https://git.example.com/a.git/': CONNECT tunnel failed, response 403"][..],
            host("git.example.com"),
        ),
        (&["Error: getaddrinfo ENOTFOUND api.example.com"], host("api.example.com")),
        (
            &["urllib3: HTTPSConnectionPool(host='api.example.com', port=443): Tunnel connection failed: 403"],
            host("api.example.com"),
        ),
        (&["npm error 403 403 Forbidden - GET https://npm.example.com/@scope%2fname"], host("npm.example.com")),
        (
            &["GET https://API.example.com:443/x", "TypeError: fetch failed", "cause: Proxy response (403)"],
            host("api.example.com"),
        ),
        (&["tunnel error: unsuccessful"], None),
    ] {
        for sandbox in [&limited, &none] {
            assert_eq!(ran(lines, sandbox).unwrap().grant, expected, "{lines:?}");
        }
        assert_eq!(ran(lines, &Sandbox::default()), None, "{lines:?}");
    }
    assert_eq!(ran(&["getaddrinfo ENOTFOUND www.example.org"], &limited), None);
    let grant = Grant::Host { host: "a.example".into() };
    assert_eq!(granted(&none, &grant).unwrap().network, Network::Hosts(vec!["a.example".into()]));
    assert_eq!(granted(&Sandbox::default(), &grant), None);
}

#[test]
fn files_are_absent_at_the_strict_level_alone() {
    let line = "FileNotFoundError: [Errno 2] No such file or directory: '/srv/files'";
    assert_eq!(ran(&[line], &Sandbox::default()), None);
    let strict = Sandbox { level: Some(SandboxLevel::Strict), ..Sandbox::default() };
    let refusal = ran(&[line], &strict).unwrap();
    assert_eq!(refusal.grant, read("/srv/files"));
    assert!(refusal.reason.contains("if that is there"), "{}", refusal.reason);
}

#[test]
fn other_words_are_no_refusal() {
    for line in [
        "Permission denied",
        "Error: listen EADDRINUSE: address already in use 127.0.0.1:3000",
        "listening at /srv/app.sock",
        "Error: 403 Forbidden",
        "Permission denied (publickey).",
        "EACCES",
    ] {
        assert_eq!(ran(&[line], &Sandbox::default()), None, "{line}");
    }
}

// Of which every line is made that a hostile server may write to confuse.
const PARTS: [&str; 16] = [
    "EACCES",
    ": permission denied",
    " open ",
    "'",
    "/",
    "/srv",
    "..",
    "\0",
    "ä",
    "ENOTFOUND ",
    "https://",
    "a.b",
    "*.",
    " -> ",
    "EXDEV",
    "connect EPERM ",
];

proptest! {
    #[test]
    fn a_proposal_is_one_that_a_change_takes(
        parts in collection::vec(collection::vec(prop_oneof![
            9 => (0..PARTS.len()).prop_map(|part| PARTS[part].to_owned()),
            1 => any::<String>(),
        ], 0..12), 0..4),
        level in prop_oneof![Just(None), Just(Some(SandboxLevel::Strict))],
        network in prop_oneof![Just(Network::Full), Just(Network::None)],
    ) {
        let lines: Vec<_> = parts.into_iter().map(|parts| parts.concat()).collect();
        let sandbox = Sandbox { level, network, ..Sandbox::default() };
        let found = of(&lines, ContainedProcess { sandbox: &sandbox, own: &[] });
        if let Some(wider) = found.and_then(|found| granted(&sandbox, &found.grant?)) {
            let mut faults = Faults::default();
            let config = ServerConfig { sandbox: wider, ..ServerConfig::new("a", "b") };
            crate::policy::sandbox::check(&mut faults, &config);
            prop_assert!(faults.0.is_empty(), "{faults:?} of {lines:?}");
        }
    }
}
