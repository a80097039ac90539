//! Command lines as the audit log has them: every word, and the names of the variables.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use crate::policy::{hex, mask::Mask};

/// Most characters of a command line with all else that belongs to it.
pub const CHARS_MAX: usize = 3000;

/// Characters of one that is longer.
const BEGINNING_CHARS: usize = 2800;

/// The program, its arguments, its working directory and the names of its variables, without their secrets. Of a longer
/// one the beginning, its length, and a hash that no other has.
#[must_use]
pub fn shown<'a>(
    words: impl IntoIterator<Item = &'a String>,
    dir: &Path,
    variables: impl IntoIterator<Item = &'a String>,
    mask: &Mask,
) -> String {
    let words: Vec<_> = words.into_iter().map(|word| mask.text(word)).collect();
    // It does not fail: words are text.
    let words = serde_json::to_string(&words).unwrap_or_default();
    let variables: Vec<_> = variables.into_iter().map(String::as_str).collect();
    let whole = format!("{words} in {} with {}", dir.display(), variables.join(", "));
    match whole.char_indices().nth(CHARS_MAX) {
        None => whole,
        Some(_) => {
            let hash = hex::encode(digest(&SHA256, whole.as_bytes()).as_ref());
            let beginning: String = whole.chars().take(BEGINNING_CHARS).collect();
            format!("{beginning}… ({} characters, SHA-256 {hash})", whole.chars().count())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str], secret: &str) -> String {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        let (mask, variables) = (Mask::new([&secret.to_owned()]), ["A".to_owned(), "B".to_owned()]);
        shown(&words, Path::new("/srv"), &variables, &mask)
    }

    #[test]
    fn every_word_is_shown_as_it_is_but_secrets() {
        assert_eq!(
            line(&["npx", "-y", "a b", "\"\n", "--key=topsecret"], "topsecret"),
            r#"["npx","-y","a b","\"\n","--key=***"] in /srv with A, B"#
        );
    }

    #[test]
    fn of_a_long_one_the_beginning_is_kept_and_another_is_distinguished() {
        let long = "ä".repeat(CHARS_MAX);
        let (one, other) = (line(&[&long, "x"], "none"), line(&[&long, "y"], "none"));
        assert!(one != other && one.chars().count() <= CHARS_MAX, "{}", one.chars().count());
        assert!(one.contains("(3026 characters, SHA-256 "), "{one}");
    }
}
