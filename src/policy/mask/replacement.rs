//! Other words in some places of a text.

use std::ops::Range;

/// Text in place of a secret.
pub const MASKED: &str = "***";

/// `text` with other words in some of its places, which are in order and begin and end between characters.
pub(super) fn replaced(text: &str, places: impl Iterator<Item = (Range<usize>, &'static str)>) -> String {
    let mut new = String::with_capacity(text.len());
    let mut from = 0;
    for (place, words) in places {
        new.push_str(text.get(from..place.start).unwrap_or_default());
        new.push_str(words);
        from = place.end;
    }
    new.push_str(text.get(from..).unwrap_or_default());
    new
}
