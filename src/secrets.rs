//! Secrets of an installation: the keys derived from its one secret, private files, randomness.
//!
//! Knows neither who may use a secret nor what it is for.

mod keyring;
pub(crate) mod private_file;
pub(crate) mod random;
mod tokens;

pub(crate) use keyring::{Keyring, SESSION_COOKIE};
pub(crate) use tokens::{SESSION_LIFETIME, Tokens};
