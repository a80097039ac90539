//! Nesting depth of JSON, and its limits where other programs read it.

use memchr::memchr2;

/// Most levels of what a caller sends: about what readers of JSON take (serde_json 127, PHP 512, Python about 1000).
pub const SENT_MAX: usize = 128;

/// Error message for JSON that exceeds that.
pub const TOO_DEEP: &str = "must not be nested deeper than 128 levels";

/// Most levels of an item in a list that several servers share: readers that take 128 take the list around it, too.
pub const LISTED_MAX: usize = 100;

/// Most levels of a payload that a record shows as JSON: readers that take 64 (System.Text.Json) take the page around
/// it, too.
pub const SHOWN_MAX: usize = 60;

/// True when arrays and objects in `json`, which is valid JSON, are nested deeper than `most` levels.
///
/// Takes linear time and no memory, however deep it is.
#[must_use]
pub fn exceeds(json: &str, most: usize) -> bool {
    // A level is two brackets.
    if json.len() / 2 <= most {
        return false;
    }
    let (mut rest, mut depth) = (json.as_bytes(), 0_usize);
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'[' | b'{' => depth = depth.saturating_add(1),
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => rest = after.get(string(after).len().saturating_add(1)..).unwrap_or_default(),
            _ => {}
        }
        if depth > most {
            return true;
        }
    }
    false
}

/// The bytes of a string up to its closing quote; `rest` begins after the opening one.
pub(super) fn string(rest: &[u8]) -> &[u8] {
    let mut from = 0_usize;
    while let Some(at) = rest.get(from..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        let at = from.saturating_add(at);
        if rest.get(at) == Some(&b'"') {
            return rest.get(..at).unwrap_or_default();
        }
        from = at.saturating_add(2);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_outside_of_strings() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!exceeds(&nested(128), 128) && exceeds(&nested(129), 128));
        assert!(exceeds(&nested(1_000_000), 128));
        let object = format!("{}1{}", "{\"a\":[".repeat(64), "]}".repeat(64));
        assert!(!exceeds(&object, 128) && exceeds(&object, 127));
        let text = format!(r#"{{"a":"{}\"{}","b":"\\","c":{}}}"#, "[".repeat(500), "{".repeat(500), nested(3));
        assert!(!exceeds(&text, 4) && exceeds(&text, 3));
        let siblings = format!("[{}[]]", "[[]],".repeat(1000));
        assert!(!exceeds(&siblings, 3) && exceeds(&siblings, 2));
    }
}
