//! Shadowing: a description that names a tool of another server, as one does that changes how a model uses that.

/// Bytes of the shortest name that is looked for, where it is no single word.
const NAME_BYTES_MIN: usize = 6;

/// True for a name that stands in no text by chance: several words as one.
#[must_use]
pub fn is_distinctive(name: &str) -> bool {
    let humps = name.chars().zip(name.chars().skip(1)).any(|(one, next)| one.is_lowercase() && next.is_uppercase());
    name.len() >= NAME_BYTES_MIN && (name.contains(['_', '-']) || humps)
}

/// The first word of a description that is the name of such a tool.
pub fn named(description: &str, is_foreign: impl Fn(&str) -> bool) -> Option<&str> {
    let is_end = |character: char| !(character.is_alphanumeric() || matches!(character, '_' | '-'));
    description.split(is_end).find(|word| is_distinctive(word) && is_foreign(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_several_words_are_looked_for() {
        let found = ["read_file", "getUser", "send-email", "search", "Search", "URLs", "a_b"].map(is_distinctive);
        assert_eq!(found, [true, true, true, false, false, false, false]);
    }

    #[test]
    fn a_name_is_a_word_of_its_own() {
        let foreign = |word: &str| word == "send_email";
        assert_eq!(named("Before `send_email`, call this.", foreign), Some("send_email"));
        assert_eq!(named("Calls resend_email and send_emails.", foreign), None);
    }
}
