//! Checks of an account's password and email address.

/// Fewest bytes of a password.
pub const PASSWORD_BYTES_MIN: usize = 12;

/// Most bytes of a password; more would only be work for the hash.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Most bytes of an address (RFC 5321, section 4.5.3.1.3, less the angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;

/// The most common leaked passwords among those that are long enough.
const COMMONEST: [&str; 36] = [
    "000000000000",
    "012345678910",
    "0123456789ab",
    "123123123123",
    "1234567890-=",
    "123456789012",
    "1234567890123",
    "1234567890qwerty",
    "123456789abc",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u",
    "1q2w3e4r5t6y7u8i",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "abcdefghijkl",
    "abcdefghijklmnopqrstuvwxyz",
    "adminadmin123",
    "adminadminadmin",
    "administrator",
    "administrator1",
    "changeme1234",
    "changemechangeme",
    "iloveyou1234",
    "letmeinletmein",
    "password1234",
    "password12345",
    "password123456",
    "password123456789",
    "password@123",
    "passwordpassword",
    "q1w2e3r4t5y6",
    "qazwsxedcrfv",
    "qwerty123456",
    "qwertyqwerty",
    "qwertyuiop123",
    "welcome12345",
];

/// The reason why an account with this address may not have this password; `None` where it may.
#[must_use]
pub fn password_fault(password: &str, email: &str) -> Option<&'static str> {
    let folded = password.to_lowercase();
    if password.len() < PASSWORD_BYTES_MIN {
        Some("must be at least 12 bytes long")
    } else if password.len() > PASSWORD_BYTES_MAX {
        Some("must be at most 1024 bytes long")
    } else if password.contains('\0') {
        Some("must not contain the character U+0000")
    } else if folded.trim() == email {
        Some("must not be the address of the account")
    } else if monotonous(password) || COMMONEST.contains(&folded.as_str()) {
        Some("is among the first that anybody would try; choose another")
    } else {
        None
    }
}

/// An email address as a caller claims it, fit for logs and look-ups: like [`email`], but never refused.
#[must_use]
pub fn claimed_email(text: &str) -> String {
    let printable = |character: char| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
    text.trim().to_lowercase().chars().take(EMAIL_BYTES_MAX).map(printable).collect()
}

fn monotonous(password: &str) -> bool {
    let mut characters: Vec<char> = password.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    characters.len() < 4
}

/// The address as it is kept: trimmed, in lower case. Fails with what is wrong with it.
pub fn email(text: &str) -> Result<String, &'static str> {
    let email = text.trim().to_lowercase();
    let (local, domain) = email.split_once('@').unwrap_or_default();
    if email.len() > EMAIL_BYTES_MAX {
        Err("must be at most 254 bytes long")
    } else if email.chars().any(|character| character.is_control() || character.is_whitespace()) {
        Err("must not contain spaces or control characters")
    } else if local.is_empty() || domain.is_empty() || domain.contains('@') {
        Err("must be an address such as name@example.com")
    } else {
        Ok(email)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(password: &str) -> bool {
        password_fault(password, "somebody@example.com").is_none()
    }

    #[test]
    fn a_long_enough_password_of_any_kind_is_taken() {
        assert!(allowed("twelve bytes"));
        assert!(allowed("ünïcödé wörds"));
        assert!(allowed(&"many words ".repeat(93)));
    }

    #[test]
    fn a_password_anybody_would_try_is_refused() {
        for password in ["eleven byte", "Password1234", "aaaaaaaaaaaaaaaa", "abababababab", "with a \0 in it"] {
            assert!(!allowed(password), "{password}");
        }
        assert!(!allowed(" Somebody@example.com"));
        assert!(!allowed(&"many words ".repeat(94)));
    }

    #[test]
    fn the_list_of_common_passwords_holds_only_what_it_can_catch() {
        for password in COMMONEST {
            assert!(password.len() >= PASSWORD_BYTES_MIN && password == password.to_lowercase(), "{password}");
        }
    }

    #[test]
    fn an_address_is_trimmed_and_in_lower_case() {
        assert_eq!(email(" Admin@LocalHost\n").as_deref(), Ok("admin@localhost"));
    }

    #[test]
    fn a_claimed_address_is_short_and_printable_whatever_was_sent() {
        assert_eq!(claimed_email(" Admin@LocalHost"), "admin@localhost");
        assert_eq!(claimed_email("a\r\nb"), "a\u{fffd}\u{fffd}b");
        assert_eq!(claimed_email(&"é".repeat(1_000)).chars().count(), 254);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(250));
        for text in ["", "@", "a@", "@b", "a", "a@b@c", "a b@c", "a\0@b", "a\r\n@b", &long] {
            assert!(email(text).is_err(), "{text:?}");
        }
    }
}
