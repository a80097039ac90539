//! Names and words of the sources: a public type name means one thing, and prose uses the words of the field.
//!
//! Counts of what is left may only fall: lower them with each mended line.

use std::collections::BTreeMap;

use super::{Source, sources, words};

/// Public types that share their name still, and in how many places.
const SHARED_NAMES: [(&str, usize); 11] = [
    ("Connection", 2),
    ("Era", 2),
    ("Failure", 3),
    ("Instance", 2),
    ("Lease", 2),
    ("Outcome", 2),
    ("Registration", 2),
    ("Server", 2),
    ("Settings", 3),
    ("Tokens", 2),
    ("Verdict", 2),
];

/// Words that the field does not use, and how often comments and texts of `src` have them still.
const ODD_WORDS: [(&str, usize); 7] =
    [("told", 0), ("whoever", 0), ("nobody", 0), ("somebody", 0), ("anew", 0), ("under way", 0), ("of ours", 0)];

/// First words of doc comments that say neither what a thing is nor what it does, and how many there are still.
const ODD_OPENINGS: [(&str, usize); 9] = [
    ("What", 0),
    ("Who", 0),
    ("Whether", 0),
    ("Where", 0),
    ("How", 0),
    ("Which", 0),
    ("The same", 0),
    ("Whom", 0),
    ("Whose", 0),
];

/// Lines of comments and texts in `src` that are longer than [`COLUMNS`].
const LONG_LINES: usize = 0;

const COLUMNS: usize = 120;

#[test]
fn a_public_type_name_means_one_thing() {
    let mut found = BTreeMap::<String, usize>::new();
    for source in in_src() {
        for line in source.code.lines().map(str::trim_start) {
            let item = ["struct ", "enum ", "trait ", "type "]
                .iter()
                .find_map(|kind| line.strip_prefix("pub ").and_then(|rest| rest.strip_prefix(kind)));
            if let Some(item) = item {
                *found.entry(super::identifier(item)).or_default() += 1;
            }
        }
    }
    found.retain(|_, count| *count > 1);
    let known: BTreeMap<_, _> = SHARED_NAMES.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    assert_eq!(found, known, "rename what is new on the left; take off the list what is mended");
}

#[test]
fn prose_uses_the_words_of_the_field_more_and_more() {
    let sources: Vec<_> = in_src().collect();
    let lines = || sources.iter().flat_map(|source| source.text.lines());
    let count = |word: &str| lines().map(|line| words(&line.to_lowercase(), word).len()).sum();
    let found: Vec<(&str, usize)> = ODD_WORDS.iter().map(|(word, _)| (*word, count(word))).collect();
    assert_eq!(found, ODD_WORDS, "may only fall: use the field's word, and lower the number");
    let openings = |word: &str| {
        let opens = |line: &&str| {
            let prose = line.trim_start().strip_prefix("/// ").or_else(|| line.trim_start().strip_prefix("//! "));
            prose.and_then(|prose| prose.strip_prefix(word)).is_some_and(|rest| rest.starts_with(' '))
        };
        lines().filter(opens).count()
    };
    let found: Vec<(&str, usize)> = ODD_OPENINGS.iter().map(|(word, _)| (*word, openings(word))).collect();
    assert_eq!(found, ODD_OPENINGS, "may only fall: open with a noun or a verb, and lower the number");
    let long = lines().filter(|line| line.chars().count() > COLUMNS).count();
    assert_eq!(long, LONG_LINES, "lines over {COLUMNS} columns may only become fewer: wrap, and lower the number");
}

fn in_src() -> impl Iterator<Item = Source> {
    sources().into_iter().filter(|source| source.name.starts_with("src/"))
}
