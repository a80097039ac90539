//! Search for tools by a few words.

use std::cmp::Reverse;

/// Weight of a word found in a name; one found in a description weighs 1.
const IN_NAME: usize = 4;

/// Indices of those `items` (name and description) that fit `query`, the best first, ties in the order given. An empty
/// query fits everything.
#[must_use]
pub fn best<'a>(query: &str, items: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<usize> {
    let query = query.to_lowercase();
    let words: Vec<_> = query.split(|one: char| !one.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut found: Vec<_> = items
        .enumerate()
        .map(|(place, (name, description))| (score(&words, name, description), place))
        .filter(|(score, _)| *score > 0 || words.is_empty())
        .collect();
    found.sort_by_key(|(score, place)| (Reverse(*score), *place));
    found.into_iter().map(|(_, place)| place).collect()
}

fn score(words: &[&str], name: &str, description: &str) -> usize {
    let (name, description) = (name.to_lowercase(), description.to_lowercase());
    let worth = |word: &&str| usize::from(name.contains(*word)) * IN_NAME + usize::from(description.contains(*word));
    words.iter().map(worth).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOLS: [(&str, &str); 4] = [
        ("files__read_file", "Reads a file."),
        ("time__convert_time", "Converts a time between zones."),
        ("files__list", "Lists a folder; use read_file for a file."),
        ("git__log", "Shows commits."),
    ];

    #[test]
    fn a_name_counts_for_more_than_a_description() {
        assert_eq!(best("read file", TOOLS.into_iter()), [0, 2]);
        assert_eq!(best("TIME", TOOLS.into_iter()), [1]);
    }

    #[test]
    fn what_fits_nothing_finds_nothing_and_no_question_finds_all() {
        assert!(best("weather", TOOLS.into_iter()).is_empty());
        assert_eq!(best(" ?", TOOLS.into_iter()), [0, 1, 2, 3]);
    }
}
