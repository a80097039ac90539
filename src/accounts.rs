//! Users, API keys, sessions, passwords, and tokens of an issuer.
//!
//! Knows nothing of servers and processes: rooms that depend on the rights of users register as observers.

mod admin_rights;
mod authentication;
mod client_sessions;
mod credential_cache;
mod directory;
mod first_admin;
#[cfg(feature = "http")]
mod hashing;
mod keys;
#[cfg(feature = "http")]
mod login_throttle;
#[cfg(not(feature = "http"))]
mod no_passwords;
#[cfg(not(feature = "http"))]
mod no_tokens;
mod oauth_settings;
mod observer;
#[cfg(feature = "http")]
mod own_account;
#[cfg(feature = "http")]
mod passwords;
mod service;
#[cfg(feature = "http")]
mod sessions;
#[cfg(feature = "http")]
mod token_authentication;
#[cfg(feature = "http")]
mod token_issuer;
mod users;

pub(crate) use first_admin::FirstAdmin;
pub use keys::{ApiKeys, NewKey};
#[cfg(not(feature = "http"))]
use no_passwords::NoPasswords as Passwords;
#[cfg(not(feature = "http"))]
pub(crate) use no_tokens::NoTokenIssuer as TokenIssuer;
pub use oauth_settings::OAuthSettings;
pub(crate) use observer::AccountObserver;
#[cfg(feature = "http")]
use passwords::Passwords;
pub use service::Accounts;
#[cfg(feature = "http")]
pub use sessions::Login;
#[cfg(feature = "http")]
pub(crate) use token_issuer::{ProtectedResource, TokenIssuer};

#[cfg(test)]
#[cfg(feature = "http")]
mod tests;
