//! Secrets from the operating system's randomness.

use crate::error::{Error, Result};

/// Easily read aloud and copied: no letter is mistaken for a digit.
const LEGIBLE: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Internal("no randomness to be had".into()))?;
    Ok(bytes)
}

/// A password of 24 characters, five random bits each.
pub(crate) fn password() -> Result<String> {
    let letter = |byte: u8| LEGIBLE.get(usize::from(byte % 32)).copied().map_or('2', char::from);
    Ok(bytes::<24>()?.into_iter().map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_password_is_one_we_would_take() {
        let password = password().unwrap();
        assert_eq!(password.len(), 24);
        assert_eq!(crate::policy::account::password_fault(&password, "admin@localhost"), None);
    }
}
