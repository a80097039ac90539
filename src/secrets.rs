//! Secrets of an installation: the keys derived from its one secret, private files, randomness.
//!
//! Knows neither who may use a secret nor what it is for.

mod keyring;
pub mod private_file;
pub mod random;
mod tokens;

pub use keyring::Keyring;
pub use tokens::{SESSION_LIFETIME, Tokens};
