//! No two readers see two different requests: every case of `framing/cases.txt`, and where each answer belongs.

use crate::support::{
    http::Exchange,
    upstream::{Then, Upstream, ok},
    *,
};

/// A case of the table.
struct Case {
    direct: Vec<&'static str>,
    forwarded: Vec<&'static str>,
    name: &'static str,
    bytes: &'static str,
}

fn cases() -> Vec<Case> {
    let lines = include_str!("framing/cases.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let case = |line: &'static str| {
        let mut columns = line.splitn(3, " ; ");
        let mut column = || columns.next().unwrap_or_else(|| panic!("three columns: {line}"));
        let expected = column();
        let (direct, forwarded) = expected.split_once(" / ").unwrap_or((expected, expected));
        let list = |text: &'static str| text.split(' ').collect();
        Case { direct: list(direct), forwarded: list(forwarded), name: column(), bytes: column() }
    };
    lines.map(case).collect()
}

/// Where requests are sent, and the path that `^` stands for.
struct Front {
    address: std::net::SocketAddr,
    path: &'static str,
}

impl Front {
    /// The bytes that a text of the table stands for.
    fn bytes(&self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let mut length = first.len_utf8();
            match first {
                '|' => bytes.extend_from_slice(b"\r\n"),
                '@' => bytes.extend_from_slice(b"Host: localhost\r\nX-Request-Id: a\r\n"),
                '#' => bytes.extend_from_slice(b"Host: localhost\r\nX-Request-Id: b\r\n"),
                '^' => bytes.extend_from_slice(self.path.as_bytes()),
                '{' => {
                    let (inner, _) = rest[1..].split_once('}').unwrap();
                    let (times, repeated) = inner.split_once('*').unwrap();
                    bytes.extend(self.bytes(repeated).repeat(times.parse().unwrap()));
                    length = inner.len() + 2;
                }
                '\\' => {
                    let (byte, taken) = escaped(&rest[1..]);
                    bytes.push(byte);
                    length = 1 + taken;
                }
                other => bytes.extend_from_slice(other.to_string().as_bytes()),
            }
            rest = &rest[length..];
        }
        bytes
    }

    /// What came back: who was answered, in order, and how it ended.
    fn play(&self, case: &Case) -> Vec<String> {
        let mut exchange = Exchange::connect(self.address);
        let probe = format!("GET {} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: probe\r\n\r\n", self.path);
        // Who is refused early may find the connection closed while it still sends.
        let _ = exchange.write(&self.bytes(case.bytes));
        let _ = exchange.write(probe.as_bytes());
        let mut seen = Vec::new();
        while let Ok(answer) = exchange.next(case.name) {
            match answer.header("x-request-id") {
                Some(id @ ("a" | "b" | "probe")) => {
                    let told = answer.text();
                    assert!(
                        answer.status != 200 || !told.starts_with("for ") || told == format!("for {id}"),
                        "{answer:?}"
                    );
                    seen.push(id.to_owned());
                }
                Some(_) if answer.status >= 400 => {
                    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
                    assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
                    seen.push("refused".to_owned());
                }
                other => panic!("{}: an answer to {other:?}: {answer:?}", case.name),
            }
            if seen.last().is_some_and(|last| last == "probe") {
                return seen;
            }
        }
        if seen.last().is_none_or(|last| last != "refused") {
            seen.push("end".to_owned());
        }
        seen
    }
}

fn escaped(text: &str) -> (u8, usize) {
    match text.as_bytes()[0] {
        b'r' => (b'\r', 1),
        b'n' => (b'\n', 1),
        b't' => (b'\t', 1),
        b's' => (b' ', 1),
        b'0' => (0, 1),
        b'x' => (u8::from_str_radix(&text[1..3], 16).unwrap(), 3),
        other => (other, 1),
    }
}

/// Plays every case, and fails where something else came back than `expected`.
#[track_caller]
fn play_all(front: &Front, cases: &[Case], expected: impl Fn(&Case) -> &[&'static str]) {
    assert!(cases.len() >= 120, "{} cases", cases.len());
    let played = together(cases.len(), |index| front.play(&cases[index]));
    let told = |(case, seen): (&Case, &Vec<String>)| {
        let expected = expected(case);
        (expected != *seen).then(|| format!("{}: {expected:?}, not {seen:?}", case.name))
    };
    let wrong: Vec<_> = cases.iter().zip(&played).filter_map(told).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn nothing_is_smuggled_and_no_answer_swapped() {
    let ostler = Ostler::spawn();
    play_all(&Front { address: ostler.address, path: "/livez" }, &cases(), |case| &case.direct);
}

#[test]
fn nothing_is_smuggled_to_an_instance_and_no_answer_swapped() {
    let ostler = Ostler::spawn();
    let upstream = Upstream::start(|seen, wire| {
        wire.body_of(&seen.headers);
        wire.send(ok(&format!("for {}", seen.header("x-request-id").unwrap_or_default())));
        Then::Keep
    });
    let service = json!({
        "name": "s", "basePath": "/s", "authentication": false,
        "instances": [{"host": "127.0.0.1", "port": upstream.port()}],
    });
    ostler.admin().post("/api/gateway/services", service).is(201);
    play_all(&Front { address: ostler.address, path: "/s/x" }, &cases(), |case| &case.forwarded);
    for seen in upstream.seen() {
        let id = seen.header("x-request-id").unwrap_or_default();
        let is_check = seen.target == "/";
        assert!(is_check || ["a", "b", "probe"].contains(&id), "smuggled: {seen:?}");
        assert!(seen.target.starts_with('/') && !seen.raw.contains("smuggled"), "smuggled: {seen:?}");
    }
}
