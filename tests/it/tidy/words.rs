//! Names and words of the sources: a public type name means one thing, and prose uses the words of the field.
//!
//! Counts of what is left may only fall: lower them with each mended line.

use std::collections::BTreeMap;

use super::{Source, sources, words};

/// Words that the field does not use, and how often lines of `src` have them still.
const ODD_WORDS: [(&str, usize); 7] =
    [("told", 9), ("whoever", 1), ("nobody", 10), ("somebody", 14), ("anew", 2), ("under way", 0), ("of ours", 0)];

/// First words of doc comments that say neither what a thing is nor what it does.
const ODD_OPENINGS: [&str; 9] = ["What", "Who", "Whether", "Where", "How", "Which", "The same", "Whom", "Whose"];

const COLUMNS: usize = 120;

/// Written by a program, which wraps nothing.
const GENERATED: &str = "dashboard/src/api/generated.ts";

#[test]
fn a_public_type_name_means_one_thing() {
    let mut found = BTreeMap::<String, usize>::new();
    for source in in_src() {
        for line in source.code.lines().map(str::trim_start) {
            let public = ["pub ", "pub(crate) "].iter().find_map(|word| line.strip_prefix(word));
            let item = ["struct ", "enum ", "trait ", "type "]
                .iter()
                .find_map(|kind| public.and_then(|rest| rest.strip_prefix(kind)));
            if let Some(item) = item {
                *found.entry(super::identifier(item)).or_default() += 1;
            }
        }
    }
    found.retain(|_, count| *count > 1);
    assert!(found.is_empty(), "names of several public types: {found:?}: rename all but one");
}

#[test]
fn prose_uses_the_words_of_the_field_more_and_more() {
    let sources: Vec<_> = in_src().collect();
    let lines = || sources.iter().flat_map(|source| source.text.lines());
    let count = |word: &str| lines().map(|line| words(&line.to_lowercase(), word).len()).sum();
    let found: Vec<(&str, usize)> = ODD_WORDS.iter().map(|(word, _)| (*word, count(word))).collect();
    assert_eq!(found, ODD_WORDS, "may only fall: use the field's word, and lower the number");
}

/// A line with a literal may be longer: JSON of a test and the text of an error are read in one piece.
#[test]
fn no_line_without_a_literal_is_too_long() {
    let mut faults = Vec::new();
    for source in sources() {
        for (index, line) in source.text.lines().enumerate() {
            if line.chars().count() > COLUMNS && !line.contains('"') {
                faults.push(source.fault(index + 1, &format!("over {COLUMNS} columns")));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Scripts have short lines with literals as well.
#[test]
fn no_line_of_a_script_is_too_long() {
    let mut faults = Vec::new();
    for (name, text) in super::texts() {
        let is_script = [".mjs", ".ts", ".tsx", ".py"].iter().any(|end| name.ends_with(end));
        for (index, line) in text.lines().enumerate() {
            if is_script && name != GENERATED && line.chars().count() > COLUMNS {
                faults.push(format!("{name}:{}: over {COLUMNS} columns: wrap it", index + 1));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn a_doc_comment_opens_with_a_noun_or_a_verb() {
    let mut faults = Vec::new();
    for source in in_src() {
        for (index, line) in source.text.lines().map(str::trim_start).enumerate() {
            let Some(prose) = line.strip_prefix("/// ").or_else(|| line.strip_prefix("//! ")) else { continue };
            let opens = |word: &&&str| prose.strip_prefix(**word).is_some_and(|rest| rest.starts_with(' '));
            if let Some(word) = ODD_OPENINGS.iter().find(opens) {
                faults.push(source.fault(index + 1, &format!("`{word}`: say what it is, or what it does")));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn in_src() -> impl Iterator<Item = Source> {
    sources().into_iter().filter(|source| source.name.starts_with("src/"))
}
