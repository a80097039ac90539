//! The one secret of an installation, and the keys made from it: tokens are signed, environments are sealed.

use crate::error::Result;

/// Keys derived from the secret (HKDF-SHA-256, RFC 5869), one per purpose. `Debug` shows none of them.
pub struct Keyring {}

impl Keyring {
    /// The keys of `secret`, which must be at least 32 bytes and no well-known default.
    pub fn from_secret(_secret: &str) -> Result<Self> {
        unimplemented!()
    }

    /// The secret kept in `data_dir/secret.key` (mode 0600), made there if there is none. Blocks.
    pub fn from_data_dir(_data_dir: &std::path::Path) -> Result<Self> {
        unimplemented!()
    }

    /// Encrypts `text` (AES-256-GCM, random nonce, `context` bound as additional data), as printable text.
    pub fn seal(&self, _context: &str, _text: &str) -> Result<String> {
        unimplemented!()
    }

    /// What [`Keyring::seal`] encrypted under the same context.
    pub fn open(&self, _context: &str, _sealed: &str) -> Result<String> {
        unimplemented!()
    }
}
