//! Heads that are accepted, what they are read as, and heads that are refused.

use super::*;

fn parse(text: &str) -> Result<Option<RequestHead>, HeadFault> {
    RequestHead::parse(&mut text.into(), &HeadLimits::CLIENT)
}

/// The head of a GET with these further lines.
fn with(lines: &str) -> Result<RequestHead, HeadFault> {
    Ok(parse(&format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))?.unwrap())
}

fn is_malformed(text: &str) -> bool {
    matches!(parse(text), Err(HeadFault::Malformed(_)))
}

#[test]
fn a_head_is_taken_and_what_follows_is_left() {
    let mut buffer =
        BytesMut::from("PUT /a?b HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a:  2 \r\nContent-Length: 3\r\n\r\nabcGET");
    let head = RequestHead::parse(&mut buffer, &HeadLimits::CLIENT).unwrap().unwrap();
    assert_eq!(buffer, "abcGET");
    assert_eq!((head.method, head.target.as_str()), (Method::PUT, "/a?b"));
    assert_eq!((head.version, head.framing, head.keep_alive), (Version::Http11, Framing::Length(3), true));
    assert_eq!(head.fields.all("X-a").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(head.fields.get("host"), Some(&b"a"[..]));
    assert_eq!(head.fields.iter().map(|(name, _)| name).collect::<Vec<_>>()[1..3], [b"X-A", b"x-a"]);
    assert_eq!(head.fields.shared().next().unwrap().1, "a");
}

#[test]
fn an_incomplete_head_waits_for_more() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for length in 0..head.len() {
        assert!(parse(&head[..length]).unwrap().is_none(), "{length}");
    }
}

#[test]
fn the_authority_of_an_absolute_target_overrides_the_host() {
    let head = parse("GET http://b:1/x?y HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().unwrap();
    assert_eq!((head.target.as_str(), head.fields.get("Host")), ("/x?y", Some(&b"b:1"[..])));
}

#[test]
fn options_of_the_connection_are_understood() {
    assert!(with("").unwrap().keep_alive);
    assert!(!with("Connection: x, Close\r\n").unwrap().keep_alive);
    assert!(with("Connection: Upgrade\r\nUpgrade: x\r\n").unwrap().wants_upgrade);
    assert!(!parse("GET / HTTP/1.0\r\n\r\n").unwrap().unwrap().keep_alive);
    assert!(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap().unwrap().keep_alive);
    assert!(with("Expect: 100-Continue\r\nContent-Length: 1\r\n").unwrap().expects_continue);
    assert!(!with("Expect: 100-continue\r\n").unwrap().expects_continue);
    assert_eq!(with("Expect: 200-ok\r\n").unwrap_err(), HeadFault::Expectation);
}

#[test]
fn framing_with_two_meanings_is_refused() {
    for lines in [
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: 1a\r\n",
        "Content-Length: \r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: \r\n",
        "Transfer-Encoding : chunked\r\n",
        "Host: a\r\n",
        "A: b\r\n c\r\n",
        "A: b\nC: d\r\n",
        "A: b\rC: d\r\n",
        "A: \0\r\n",
        " A: b\r\n",
        ": b\r\n",
        "A b\r\n",
    ] {
        assert!(matches!(with(lines), Err(HeadFault::Malformed(_))), "{lines:?}");
    }
    assert!(matches!(with("Transfer-Encoding: gzip, chunked\r\n"), Err(HeadFault::NotImplemented(_))));
    assert!(is_malformed("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

#[test]
fn first_lines_out_of_the_ordinary_are_refused() {
    for text in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "\x16\x03\x01\x02\x00",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    let fault = |line: &str| parse(&format!("{line}\r\nHost: a\r\n\r\n")).unwrap_err();
    assert_eq!(fault("PRI * HTTP/2.0"), HeadFault::Version);
    assert_eq!(fault("GET / HTTP/1.2"), HeadFault::Version);
    assert_eq!(fault("TRACE / HTTP/1.1"), HeadFault::MethodNotAllowed);
    assert_eq!(fault("CONNECT a:80 HTTP/1.1"), HeadFault::MethodNotAllowed);
    assert!(matches!(fault("GET * HTTP/1.1"), HeadFault::Malformed(_)));
}

#[test]
fn a_head_has_limits() {
    let target = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length));
    assert!(parse(&target(8191)).unwrap().is_some());
    assert_eq!(parse(&target(8192)).unwrap_err(), HeadFault::TargetTooLong);
    assert_eq!(parse(&target(9000)[..8900]).unwrap_err(), HeadFault::TargetTooLong);
    let fields = |count: usize| with(&"a: b\r\n".repeat(count));
    assert!(fields(FIELDS_MAX - 1).is_ok());
    assert_eq!(fields(FIELDS_MAX).unwrap_err(), HeadFault::TooLarge);
    assert_eq!(with(&format!("A: {}\r\n", "b".repeat(33_000))).unwrap_err(), HeadFault::TooLarge);
    let half = format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(33_000));
    assert_eq!(parse(&half).unwrap_err(), HeadFault::TooLarge);
    assert!(matches!(parse(&"A".repeat(70_000)), Err(HeadFault::NotImplemented(_))));
}

proptest::proptest! {
    #[test]
    fn a_head_is_taken_once_it_is_whole_and_not_before(
        lines in "((Host|X-A|Content-Length|Transfer-Encoding|Connection): ?[a-z0-9, ]{0,8}\r?\n){0,4}",
        target in "[ -~]{1,12}",
    ) {
        let text = format!("GET /{target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let mut buffer = BytesMut::from(format!("{text}GET").as_str());
        if let Ok(Some(head)) = RequestHead::parse(&mut buffer, &HeadLimits::CLIENT) {
            proptest::prop_assert_eq!(&buffer[..], b"GET");
            proptest::prop_assert!(head.framing != Framing::UntilClose);
            for length in 0..text.len() {
                proptest::prop_assert!(parse(&text[..length]).is_ok_and(|head| head.is_none()), "{}", length);
            }
        }
    }
}
