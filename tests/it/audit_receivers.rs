//! The head of the audit log is told to a syslog server and to a webhook, and whether they take it delays nothing.

use std::{
    fs,
    io::Read,
    net::TcpListener,
    os::unix::net::UnixDatagram,
    sync::{Arc, Mutex},
};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{
    audit_chain::{verify, with_entries},
    audit_manipulations::{audit_verify, is_verified},
    support::{
        folder::Folder,
        upstream::{Seen, Then, Upstream, ok},
        wire::Wire,
        *,
    },
};

/// A socket in a folder with a short path, as those of sockets have 107 bytes at most.
fn socket() -> (Folder, UnixDatagram, String) {
    let folder = Folder::new();
    let path = folder.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(seconds(30))).unwrap();
    (folder, socket, format!("unix:{}", path.display()))
}

fn received(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].into()).unwrap()
}

/// Claims that the audit log holds the head in a message, and would not be verified by another one.
#[track_caller]
fn is_anchored(ostler: &Ostler, message: &str) {
    let file = ostler.setup.home.join("message");
    let path = file.to_str().unwrap().to_owned();
    fs::write(&file, message).unwrap();
    is_verified(ostler, &["--head", &path]);
    let head = head_of(message);
    fs::write(&file, message.replace(&head, &format!("{}0000", &head[..head.len() - 4]))).unwrap();
    assert_eq!(audit_verify(ostler, &["--head", &path]).status.code(), Some(1), "{message}");
}

fn head_of(message: &str) -> String {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    let heads: Vec<_> = message.split(|c| !is_part(c)).filter(|word| word.len() > 70 && word.contains(':')).collect();
    assert_eq!(heads.len(), 1, "{message}");
    heads[0].to_owned()
}

#[test]
fn a_syslog_server_is_told_at_the_start_and_at_the_end() {
    let (_folder, socket, target) = socket();
    let mut ostler = with_entries(Setup::new().env("OSTLER_AUDIT_SYSLOG", &target));
    let first = received(&socket);
    assert!(first.starts_with("<109>1 20") && first.contains(" ostler "), "{first}");
    is_anchored(&ostler, &first);
    let installation = fs::read_to_string(ostler.setup.home.join("data/installation")).unwrap();
    assert!(first.contains(&format!("installation={}", installation.lines().next().unwrap())), "{first}");
    let head = verify(&ostler, "").string("/head");
    ostler.terminate();
    let last = received(&socket);
    assert!(last.contains(&format!("head={head} ")) && last != first, "{last}, not {head}");
    is_anchored(&ostler, &last);
    assert!(!ostler.errors().contains("cannot be delivered"));
}

#[test]
fn a_syslog_server_by_tcp_and_by_udp_is_told_as_well() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ostler =
        with_entries(Setup::new().env("OSTLER_AUDIT_SYSLOG", &format!("tcp:{}", listener.local_addr().unwrap())));
    let mut text = String::new();
    listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
    let (length, message) = text.split_once(' ').unwrap();
    assert_eq!(length.parse(), Ok(message.len()));
    is_anchored(&ostler, message);

    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(seconds(30))).unwrap();
    let ostler =
        with_entries(Setup::new().env("OSTLER_AUDIT_SYSLOG", &format!("udp:{}", socket.local_addr().unwrap())));
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    is_anchored(&ostler, std::str::from_utf8(&buffer[..length]).unwrap());
}

#[test]
fn a_webhook_is_told_with_a_signature() {
    let bodies = Arc::<Mutex<Vec<(Seen, String)>>>::default();
    let got = bodies.clone();
    let hook = Upstream::start(move |seen: &Seen, wire: &mut Wire| {
        let body = String::from_utf8(wire.body_of(&seen.headers).0).unwrap();
        got.lock().unwrap().push((seen.clone(), body));
        wire.send(ok(""));
        Then::Close
    });
    let setup = Setup::new();
    let key = setup.home.join("key");
    fs::write(&key, format!("whsec_{}\n", BASE64_STANDARD.encode("a key of many bytes"))).unwrap();
    let url = format!("http://127.0.0.1:{}/token-in-the-path", hook.port());
    let setup = setup.env("OSTLER_AUDIT_WEBHOOK", &url).env("OSTLER_AUDIT_WEBHOOK_KEY_FILE", key.to_str().unwrap());
    let mut ostler = with_entries(setup);
    let (seen, body) = eventually("it is told", || bodies.lock().unwrap().first().cloned());
    is_anchored(&ostler, &body);
    let json: Value = serde_json::from_str(&body).unwrap();
    let head = head_of(&body);
    assert_eq!(json["type"], "audit.head");
    assert_eq!(format!("{}:{}", json["seq"], json["hash"].as_str().unwrap()), head);
    let header = |name| seen.header(name).unwrap_or_else(|| panic!("no {name} in {}", seen.raw)).to_owned();
    let signed = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
    let mac = BASE64_STANDARD.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key of many bytes");
    assert!(hmac::verify(&key, signed.as_bytes(), &mac).is_ok());
    let metrics = ostler.admin().get("/metrics").is(200).text();
    assert!(metrics.contains("ostler_audit_head_delivered{receiver=\"webhook\"} 1"), "{metrics}");
    let shown = ostler.admin().get("/api/system").is(200).text();
    let last = verify(&ostler, "").string("/head");
    ostler.terminate();
    assert_eq!(head_of(&bodies.lock().unwrap().last().unwrap().1), last);
    for text in [shown, ostler.errors()] {
        assert!(!text.contains("token-in-the-path"), "{text}");
    }
}

#[test]
fn a_receiver_that_is_down_or_hangs_delays_nothing_and_is_named() {
    // It takes connections, by its backlog, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup::new()
        .env("OSTLER_AUDIT_SYSLOG", "unix:/no/such/log")
        .env("OSTLER_AUDIT_WEBHOOK", &format!("http://{}/", silent.local_addr().unwrap()));
    let mut ostler = with_entries(setup);
    let named = |setting: &str| {
        let log = ostler.errors();
        log.lines().filter(|line| line.contains("cannot be delivered") && line.contains(setting)).count()
    };
    eventually("the one that is down is named", || (named("OSTLER_AUDIT_SYSLOG") == 1).then_some(()));
    let begun = crate::support::wait::now();
    ostler.admin().make_key(&["mcp:read"]);
    assert!(begun.elapsed() < seconds(5), "{:?}", begun.elapsed());
    eventually("the one that hangs is named", || (named("OSTLER_AUDIT_WEBHOOK") == 1).then_some(()));
    let metrics = ostler.admin().get("/metrics").is(200).text();
    for receiver in ["syslog", "webhook"] {
        assert!(metrics.contains(&format!("ostler_audit_head_delivered{{receiver=\"{receiver}\"}} 0")), "{metrics}");
    }
    verify(&ostler, "").has("/verified", true);
    let begun = crate::support::wait::now();
    ostler.terminate();
    assert!(begun.elapsed() < seconds(20), "{:?}", begun.elapsed());
}

#[test]
fn a_receiver_that_nothing_can_be_sent_to_is_refused_at_start() {
    for (setting, value, part) in [
        ("OSTLER_AUDIT_SYSLOG", "/dev/log", "is none of unix:/dev/log, udp:HOST:PORT and tcp:HOST:PORT"),
        ("OSTLER_AUDIT_WEBHOOK", "http://hooks.example/s3cret", "must be an https URL"),
    ] {
        let mut setup = Setup::new().env(setting, value);
        setup.arguments = vec!["check-config".into()];
        let output = setup.command().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(part) && !said.contains("s3cret"), "{said}");
        fs::remove_dir_all(&setup.home).unwrap();
    }
}
