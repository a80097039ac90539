//! Checks of the secret key that Ostler signs and seals with.

/// Fewest bytes of a key: as many as HS256 has.
pub const KEY_BYTES_MIN: usize = 32;

/// Words that secrets copied from examples are made of, longer ones before those they contain.
const WELL_KNOWN: [&str; 25] = [
    "changethis",
    "changeme",
    "production",
    "password",
    "insecure",
    "replace",
    "default",
    "example",
    "letmein",
    "please",
    "ostler",
    "passwd",
    "qwerty",
    "secret",
    "change",
    "admin",
    "super",
    "token",
    "your",
    "this",
    "jwt",
    "key",
    "hs256",
    "in",
    "my",
];

/// The reason why nothing should be signed with this key; `None` where it may.
#[must_use]
pub fn fault(secret: &str) -> Option<&'static str> {
    if secret.len() < KEY_BYTES_MIN {
        Some("must be at least 32 bytes long; `openssl rand -base64 32` makes one")
    } else if is_well_known(secret) {
        Some("is one that anybody would try; `openssl rand -base64 32` makes a better one")
    } else {
        None
    }
}

/// True when little is left of the secret without well-known words, or it repeats a few characters.
fn is_well_known(secret: &str) -> bool {
    let mut rest = secret.to_lowercase();
    for word in WELL_KNOWN {
        rest = rest.replace(word, " ");
    }
    let left = rest.chars().filter(|character| character.is_alphanumeric()).count();
    let mut different: Vec<char> = secret.chars().collect();
    different.sort_unstable();
    different.dedup();
    left < 8 || different.len() < 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_or_well_known_secret_is_refused() {
        let repeated = ["changeme", "secret", "password"].map(|word| word.repeat(8));
        let guessable =
            ["", "changeme", "short-but-random-Zm9ydHktd", "your-super-secret-jwt-key-change-in-production"];
        let monotonous = ["x".repeat(64), "ab".repeat(20)];
        for secret in guessable.into_iter().chain(repeated.iter().chain(&monotonous).map(String::as_str)) {
            assert!(fault(secret).is_some(), "{secret}");
        }
    }

    #[test]
    fn a_configured_secret_is_used() {
        let random = "Zm9ydHktdHdvIGhvcnNlcyBpbiB0aGUgc3RhYmxl";
        for secret in ["0123456789abcdef0123456789abcdef", "a test key with thirty-two bytes or more", random] {
            assert_eq!(fault(secret), None, "{secret}");
        }
    }
}
