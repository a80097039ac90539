//! Users, API keys, sessions, passwords, and tokens of an issuer.
//!
//! Knows nothing of servers and processes: rooms that depend on the rights of users register as [`AccountObserver`].

mod admin_rights;
mod authentication;
mod client_sessions;
mod credential_cache;
mod directory;
mod first_admin;
mod hashing;
mod keys;
mod login_throttle;
mod oauth_settings;
mod observer;
mod own_account;
mod passwords;
mod service;
mod sessions;
mod token_issuer;
mod users;

pub(crate) use first_admin::FirstAdmin;
pub use keys::{ApiKeys, NewKey};
pub use oauth_settings::OAuthSettings;
pub use observer::AccountObserver;
pub use service::Accounts;
pub use sessions::Login;
pub(crate) use token_issuer::{ProtectedResource, TokenIssuer};

#[cfg(test)]
mod tests;
