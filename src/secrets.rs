//! Secrets of an installation: the keys derived from its one secret, private files, randomness.
//!
//! Knows neither who may use a secret nor what it is for.

pub(crate) mod context;
mod keyring;
#[cfg(not(feature = "http"))]
mod no_tokens;
pub(crate) mod private_file;
pub(crate) mod random;
#[cfg(feature = "http")]
mod tokens;

pub(crate) use keyring::{Keyring, NEXT_KEY_FILE, SESSION_COOKIE};
#[cfg(not(feature = "http"))]
use no_tokens::NoTokens as Tokens;
#[cfg(feature = "http")]
pub(crate) use tokens::{SESSION_LIFETIME, Tokens};
