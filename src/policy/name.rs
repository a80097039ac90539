//! Checks of the name of an account, an API key or a server.

/// Most characters of a name.
pub const NAME_CHARS_MAX: usize = 128;

/// The name as it is kept: trimmed. Fails with what is wrong with it.
pub fn validated(text: &str) -> Result<String, &'static str> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        Err("must have 1 to 128 characters")
    } else if name.chars().any(char::is_control) {
        Err("must not contain control characters")
    } else {
        Ok(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_never_empty() {
        assert_eq!(validated(" Ada Lovelace ").as_deref(), Ok("Ada Lovelace"));
        assert_eq!(validated(&"ä".repeat(NAME_CHARS_MAX)), Ok("ä".repeat(NAME_CHARS_MAX)));
        for text in ["", "  ", "a\nb", "a\0b", &"x".repeat(NAME_CHARS_MAX + 1)] {
            assert!(validated(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_reported_limit_is_the_limit() {
        assert!(validated("").unwrap_err().contains(&NAME_CHARS_MAX.to_string()));
    }
}
