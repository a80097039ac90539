//! The record of arguments and results that are longer than the limit.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::value::RawValue;

use crate::{model::Excerpt, policy::hex};

/// Most bytes of what a server says of a failure.
const REASON_BYTES_MAX: usize = 4 << 10;

/// JSON as it is recorded: whole where it has at most `most` bytes, else so many of its beginning, with length and
/// digest of the whole.
#[must_use]
pub fn recorded(json: Arc<RawValue>, most: usize) -> (Option<Arc<RawValue>>, Option<Excerpt>) {
    let text = json.get();
    if text.len() <= most {
        return (Some(json), None);
    }
    let sum = digest(&SHA256, text.as_bytes());
    let excerpt = Excerpt {
        text: beginning(text, most).to_owned(),
        length: i64::try_from(text.len()).unwrap_or(i64::MAX),
        truncated: true,
        sha256: Some(hex::encode(sum.as_ref())),
    };
    (None, Some(excerpt))
}

/// A server's error message, shortened to fit a list.
#[must_use]
pub fn reason(text: &str) -> String {
    shortened(text, REASON_BYTES_MAX)
}

/// The text; of a longer one as much as fits into so many bytes, and an ellipsis.
#[must_use]
pub fn shortened(text: &str, bytes: usize) -> String {
    if text.len() <= bytes { text.to_owned() } else { format!("{}…", beginning(text, bytes)) }
}

/// As many whole characters as fit into so many bytes.
#[must_use]
pub fn beginning(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Arc<RawValue> {
        RawValue::from_string(text.into()).unwrap().into()
    }

    #[test]
    fn long_json_is_cut_between_characters_and_identified_by_its_digest() {
        assert!(recorded(json(r#""abc""#), 5).1.is_none());
        let (text, excerpt) = recorded(json(r#""äbc""#), 2);
        let excerpt = excerpt.unwrap();
        assert!(text.is_none() && excerpt.truncated);
        assert_eq!((excerpt.text.as_str(), excerpt.length), ("\"", 6));
        // printf '"äbc"' | sha256sum
        assert_eq!(excerpt.sha256.unwrap(), "57387c72e22c2e822dbfea2b121c9ebbcfbe108998196eb519d935509b14cfb0");
    }

    #[test]
    fn a_long_reason_ends_with_an_ellipsis() {
        assert_eq!(reason("short"), "short");
        assert_eq!(reason(&"ä".repeat(5000)), format!("{}…", "ä".repeat(2048)));
    }
}
