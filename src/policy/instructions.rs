//! Bounds of the instructions that servers give models, where those of many servers are one text.

use crate::policy::payload::beginning;

/// Bytes of one server's instructions: about 1,000 tokens, which is more than those who wrote them with care need. Some
/// clients keep 2 KiB of what they are given for all servers together.
const SERVER_BYTES_MAX: usize = 4 << 10;
/// Bytes of all: about 8,000 tokens, as they stand in the context of every conversation.
const TOTAL_BYTES_MAX: usize = 32 << 10;

/// Bytes of each server's instructions that are passed on, where servers have instructions of these lengths: if all
/// together are too long, the long ones have equal shares of what the short ones leave.
#[must_use]
pub fn share(lengths: &[usize]) -> usize {
    let mut lengths: Vec<_> = lengths.iter().map(|length| *length.min(&SERVER_BYTES_MAX)).collect();
    lengths.sort_unstable();
    let mut left = TOTAL_BYTES_MAX;
    for (index, length) in lengths.iter().enumerate() {
        let share = left.checked_div(lengths.len().saturating_sub(index)).unwrap_or(left);
        if *length > share {
            return share;
        }
        left = left.saturating_sub(*length);
    }
    SERVER_BYTES_MAX
}

/// The text; of a longer one as much as fits into so many bytes, and how much is left out.
#[must_use]
pub fn shortened(text: &str, bytes: usize) -> String {
    let kept = beginning(text, bytes);
    match text.len().saturating_sub(kept.len()) {
        0 => text.to_owned(),
        left_out => format!("{kept}… ({left_out} of {} bytes left out)", text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_whole_until_they_are_too_long_and_all_have_an_equal_share_of_the_sum() {
        assert_eq!(share(&[]), SERVER_BYTES_MAX);
        assert_eq!(share(&[usize::MAX; 8]), SERVER_BYTES_MAX);
        assert_eq!(share(&[100; 300]), SERVER_BYTES_MAX, "together they are short");
        assert_eq!(share(&[usize::MAX; 64]), TOTAL_BYTES_MAX / 64);
        let few_long = [[100; 90].as_slice(), &[usize::MAX; 10]].concat();
        assert_eq!(share(&few_long), (TOTAL_BYTES_MAX - 9000) / 10);
    }

    #[test]
    fn what_is_left_out_is_said() {
        assert_eq!(shortened("dig", 3), "dig");
        assert_eq!(shortened("äöü", 5), "äö… (2 of 6 bytes left out)");
    }
}
