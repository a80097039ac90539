//! Secrets of users by name: stored, changed, and put in the place of `${secret:NAME}` where a server is started.
//!
//! Values are never shown again. They are in memory in clear, as those of `env` are, and sealed in the database. A
//! server gets the secrets of its owner. A process that is for one caller alone gets that caller's own instead, if the
//! caller allowed it for this server: without that, an owner could ask for secrets of everybody who uses the server.
//!
//! Secrets that are kept outside (`${file:…}`, `${env:…}`, `${exec:…}`, `${credential:…}`) are fetched at each start
//! of what refers to them, and kept nowhere but in the process that gets them and in the mask of its server.
//!
//! Knows nothing of servers' processes: a `SecretObserver` has those replaced that a change concerns.

mod observer;
mod outside;
mod resolved;
mod service;
mod values;

pub use service::NamedSecrets;

pub(crate) use observer::SecretObserver;
pub(crate) use outside::Unavailable;
pub(crate) use resolved::Resolved;
