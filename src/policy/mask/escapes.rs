//! Escapes of JSON strings (RFC 8259, section 7), read wherever they stand; what is no escape is itself.

use std::{collections::BTreeSet, ops::Range};

use memchr::memchr;

/// A part of a text: as it is written, and what it means.
struct EscapedText<'a> {
    written: Range<usize>,
    meaning: Meaning<'a>,
}

enum Meaning<'a> {
    Itself(&'a [u8]),
    Character(char),
}

impl Meaning<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Itself(bytes) => bytes.len(),
            Self::Character(character) => character.len_utf8(),
        }
    }
}

/// The escapes that may stand for a part of one of these texts.
pub(super) fn possible_in<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<[u8; 2]> {
    let characters: BTreeSet<char> = texts.into_iter().flat_map(|text| text.chars()).collect();
    let short = br#""\/bfnrt"#.iter().map(|letter| [b'\\', *letter]);
    let is_possible = |written: &[u8; 2]| escape(written).is_some_and(|(character, _)| characters.contains(&character));
    // By its number any character can be written.
    std::iter::once(*b"\\u").chain(short.filter(is_possible)).collect()
}

/// The text with its escapes read; `None` where it has none.
pub(super) fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    memchr(b'\\', text)?;
    let mut plain = Vec::with_capacity(text.len());
    for piece in pieces(text) {
        match piece.meaning {
            Meaning::Itself(bytes) => plain.extend_from_slice(bytes),
            Meaning::Character(character) => {
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    (plain.len() < text.len()).then_some(plain)
}

/// Maps spans found in the output of [`unescaped`] back to spans of `text`; both are in order and do not overlap.
pub(super) fn written(text: &[u8], found: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::with_capacity(found.len());
    let mut found = found.iter().peekable();
    let mut start = 0_usize;
    for EscapedText { written, meaning } in pieces(text) {
        let end = start.saturating_add(meaning.len());
        while let Some(span) = found.peek().filter(|span| span.start < end) {
            let at = |place: usize, otherwise: usize| match &meaning {
                Meaning::Itself(_) if (start..=end).contains(&place) => {
                    written.start.saturating_add(place.saturating_sub(start))
                }
                Meaning::Itself(_) | Meaning::Character(_) => otherwise,
            };
            let (from, to) = (at(span.start, written.start), at(span.end, written.end));
            match spans.last_mut() {
                Some(last) if last.end >= from => last.end = to,
                Some(_) | None => spans.push(from..to),
            }
            if span.end > end {
                break;
            }
            found.next();
        }
        start = end;
    }
    spans
}

fn pieces(text: &[u8]) -> impl Iterator<Item = EscapedText<'_>> {
    let mut from = 0_usize;
    std::iter::from_fn(move || {
        let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
        let (meaning, length) = match escape(rest) {
            Some((character, length)) => (Meaning::Character(character), length),
            None => {
                // A backslash that begins no escape is itself.
                let length = memchr(b'\\', rest.get(1..)?).map_or(rest.len(), |at| at.saturating_add(1));
                (Meaning::Itself(rest.get(..length)?), length)
            }
        };
        let written = from..from.saturating_add(length);
        from = written.end;
        Some(EscapedText { written, meaning })
    })
}

/// The character of the escape that a text begins with, and the length of that.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let character = match text.strip_prefix(b"\\")?.first()? {
        b'u' => return unicode(text),
        same @ (b'"' | b'\\' | b'/') => char::from(*same),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    };
    Some((character, 2))
}

/// `\uXXXX`, or two of them that are one character; half of a pair stands for nothing.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let first = unit(text)?;
    let second = text.get(6..).and_then(unit);
    let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
    match pair {
        Some(character) if character.len_utf16() == 2 => Some((character, 12)),
        Some(_) | None => Some((char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER), 6)),
    }
}

fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digits = digits.iter().all(u8::is_ascii_hexdigit).then(|| std::str::from_utf8(digits).ok())??;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Option<String> {
        unescaped(text.as_bytes()).map(|plain| String::from_utf8(plain).unwrap())
    }

    #[test]
    fn escapes_are_read_and_the_rest_is_itself() {
        assert_eq!(plain(r#"a\"\\\/\b\f\n\r\tz"#).unwrap(), "a\"\\/\u{8}\u{c}\n\r\tz");
        assert_eq!(plain(r"\u00E4\u00e4\ud83d\udc34\u0026").unwrap(), "ää🐴&");
        assert_eq!(plain(r"\ud83dx\udc34\ud83d\u0041").unwrap(), "\u{fffd}x\u{fffd}\u{fffd}A");
        assert_eq!(plain(r"C:\data \u12 \x\").as_deref(), None);
        assert_eq!(plain(r"\\\u0041\").unwrap(), r"\A\");
        assert_eq!(plain("plain"), None);
    }

    #[test]
    fn what_is_found_is_found_again_as_it_was_written() {
        let text = r"ab\u0026cd\n\u00e4ef";
        // "ab&cd\näef"
        for (found, expected) in
            [(0..2, "ab"), (1..4, r"b\u0026c"), (2..3, r"\u0026"), (5..6, r"\n"), (6..9, r"\u00e4e"), (9..10, "f")]
        {
            let [span] = written(text.as_bytes(), std::slice::from_ref(&found)).try_into().unwrap();
            assert_eq!(text.get(span).unwrap(), expected, "{found:?}");
        }
        let spans = written(text.as_bytes(), &[0..1, 3..4, 8..9]);
        assert_eq!(spans.iter().map(|span| text.get(span.clone()).unwrap()).collect::<Vec<_>>(), ["a", "c", "e"]);
    }
}
