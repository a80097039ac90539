//! [`Target`]: what a request is for, checked so that no two readers see two different paths.

use bytes::{Bytes, BytesMut};

use super::{HeadFault, fields::HeadRange};

/// A request target in origin form, path and query; or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    text: Bytes,
    path_length: usize,
}

impl Target {
    /// The whole of it.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or("/")
    }

    /// Without the query.
    pub(crate) fn path(&self) -> &str {
        self.as_str().get(..self.path_length).unwrap_or("/")
    }

    /// As bytes, to share.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.text
    }
}

/// A target as it was written, apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct TargetRanges {
    /// The authority of an absolute target.
    pub(super) authority: Option<HeadRange>,
    origin: HeadRange,
    path_length: usize,
}

impl TargetRanges {
    /// Takes `target` apart, a part of `head`. `asterisk` says whether `*` may stand for the whole server.
    pub(super) fn read(target: &[u8], head: &[u8], asterisk: bool) -> Result<Self, HeadFault> {
        if target == b"*" && asterisk {
            return Ok(Self { authority: None, origin: HeadRange::of(target, head), path_length: 1 });
        }
        let (authority, origin) = split_authority(target)?;
        let path_length = check(origin)?;
        let authority = authority.map(|authority| HeadRange::of(authority, head));
        Ok(Self { authority, origin: HeadRange::of(origin, head), path_length })
    }

    /// The target, in memory shared with the head it was read from.
    pub(super) fn share(self, head: &Bytes) -> Target {
        let text = self.origin.share(head);
        if text.first().is_none_or(|first| *first == b'?') {
            let mut rooted = BytesMut::with_capacity(text.len() + 1);
            rooted.extend_from_slice(b"/");
            rooted.extend_from_slice(&text);
            return Target { text: rooted.freeze(), path_length: 1 };
        }
        Target { text, path_length: self.path_length }
    }
}

/// The authority of an absolute target, and the rest.
fn split_authority(target: &[u8]) -> Result<(Option<&[u8]>, &[u8]), HeadFault> {
    if target.first() == Some(&b'/') {
        return Ok((None, target));
    }
    let scheme = target.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"http://"));
    let rest = if scheme { target.get(7..) } else { None };
    let rest = rest.ok_or(HeadFault::Malformed("the request target is neither a path nor an http address"))?;
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    let (authority, origin) = rest.split_at(end);
    Ok((Some(authority), origin))
}

/// Checks path and query, and returns the length of the path.
fn check(origin: &[u8]) -> Result<usize, HeadFault> {
    let path_length = origin.iter().position(|byte| *byte == b'?').unwrap_or(origin.len());
    let (path, query) = origin.split_at(path_length);
    let odd = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b'"' | b'#' | b'<' | b'>');
    if origin.iter().any(odd) || path.iter().any(|byte| matches!(byte, b'\\' | b'^' | b'`' | b'{' | b'}')) {
        return Err(HeadFault::Malformed("the request target has a character that must be percent-encoded"));
    }
    if path.contains(&b'%') || query.contains(&b'%') {
        check_encoding(path, true)?;
        check_encoding(query, false)?;
    }
    // Without a dot there is none to find; `%2e` is one.
    if memchr::memchr2(b'.', b'%', path).is_some() && has_dot_segment(path) {
        return Err(HeadFault::Malformed("the path has a segment that is . or .."));
    }
    Ok(path_length)
}

fn check_encoding(text: &[u8], is_path: bool) -> Result<(), HeadFault> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let byte = match rest.get(at + 1..) {
            Some([high, low, ..]) => octet(*high, *low),
            _ => None,
        };
        let Some(byte) = byte else {
            return Err(HeadFault::Malformed("a percent sign in the request target is not followed by two hex digits"));
        };
        if is_path && (byte.is_ascii_control() || byte == b'\\') {
            return Err(HeadFault::Malformed("the path has an encoded control character or backslash"));
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    Ok(())
}

/// The octet that two hexadecimal digits encode; `None` where one is no digit (RFC 3986, section 2.1).
pub(crate) fn octet(high: u8, low: u8) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(high)? * 16 + value(low)?).ok()
}

/// True when a segment is `.` or `..`, encoded or not, an encoded slash being one too.
fn has_dot_segment(path: &[u8]) -> bool {
    let mut dots = 0_usize;
    let mut plain = false;
    let mut rest = path;
    loop {
        let (byte, length) = match rest {
            [] => (b'/', 0),
            [b'%', high, low, ..] => (octet(*high, *low).unwrap_or_default(), 3),
            [byte, ..] => (*byte, 1),
        };
        match byte {
            b'/' if !plain && (1..=2).contains(&dots) => return true,
            b'/' => (dots, plain) = (0, false),
            b'.' => dots += 1,
            // A path parameter hides nothing: some readers cut it off before they look.
            b';' if !plain && (1..=2).contains(&dots) => return true,
            _ => plain = true,
        }
        if length == 0 {
            return false;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole target, its path and its authority.
    fn read(target: &str) -> Result<(String, String, Option<String>), HeadFault> {
        let head = Bytes::copy_from_slice(target.as_bytes());
        let written = TargetRanges::read(&head, &head, true)?;
        let authority = written.authority.map(|span| String::from_utf8(span.share(&head).to_vec()).unwrap());
        let target = written.share(&head);
        Ok((target.as_str().to_owned(), target.path().to_owned(), authority))
    }

    #[test]
    fn a_target_is_path_and_query_and_sometimes_an_authority() {
        let some = |text: &str| Some(text.to_owned());
        let target = |head: &str, path: &str, authority| Ok((head.to_owned(), path.to_owned(), authority));
        assert_eq!(read("/a/b?c=d?e"), target("/a/b?c=d?e", "/a/b", None));
        assert_eq!(read("/"), target("/", "/", None));
        assert_eq!(read("/?"), target("/?", "/", None));
        assert_eq!(read("http://h:1/a?b"), target("/a?b", "/a", some("h:1")));
        assert_eq!(read("HTTP://h"), target("/", "/", some("h")));
        assert_eq!(read("http://h?q"), target("/?q", "/", some("h")));
        assert_eq!(read("*"), target("*", "*", None));
    }

    proptest::proptest! {
        #[test]
        fn no_reader_finds_a_dot_segment_in_a_path(path in "(/|\\.|%2e|%2E|%2f|;|%3b|a|%){0,12}") {
            let Ok((_, path, _)) = read(&format!("/{path}")) else { return Ok(()) };
            let decoded = ["%2e", "%2E"].iter().fold(path, |text, dot| text.replace(dot, "."));
            let decoded = decoded.replace("%2f", "/").replace("%3b", ";");
            for segment in decoded.split('/') {
                let name = segment.split(';').next().unwrap_or_default();
                proptest::prop_assert!(name != "." && name != "..", "{decoded}");
            }
        }
    }

    #[test]
    fn a_target_with_two_meanings_is_refused() {
        for target in [
            "a",
            "",
            "ftp://h/",
            "https://h/",
            "h:80",
            "/a#b",
            "/a b",
            "/%",
            "/%2",
            "/%zz",
            "/a%00b",
            "/a%0ab",
            "/a\\b",
            "/a%5cb",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/%2e%2E/b",
            "/a%2f..%2fb",
            "/.",
            "/a/..;x/b",
            "/é",
            "/?q=%g0",
        ] {
            assert!(matches!(read(target), Err(HeadFault::Malformed(_))), "{target:?}");
        }
        for target in ["/a..b", "/...", "/a%2fb", "/.well-known", "/a?x=../..", "//a", "/a;b=..c"] {
            assert!(read(target).is_ok(), "{target:?}");
        }
    }
}
