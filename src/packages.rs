//! Packages that servers are started from: resolved, installed once, pinned, checked before each start.
//!
//! A *lock* is the files from which an installer makes the same installation again: all versions with their hashes. The
//! folder of an installation is named by the hash of its lock, so servers that were resolved to one lock share one
//! installation. A *pin* is the lock that a server runs, with the hash of what was installed; it is sealed, as a user
//! who may write to the database must not choose what is run. It has the pin before it, to which a server can be rolled
//! back.
//!
//! Installers run contained as servers do, and may write to this store; servers may only read from it. Install scripts
//! are off. A package that failed at start for a reason that is known (`policy/package/cures.rs`) is resolved again
//! with what cures it, once; the pin says so.
//!
//! An archive takes installations to machines without a network; a server whose command line it has something for runs
//! that from its first start on.

#[cfg(feature = "cli")]
mod archive;
mod contents;
mod healing;
mod installation;
mod installations;
mod installer;
mod lock;
mod manifest;
mod npm;
mod pin;
mod pip;
mod program;
mod pypi;
mod pythons;
mod resolutions;
mod service;
mod versions;

#[cfg(feature = "cli")]
pub use archive::{ImportedPackage, export, import};
pub(crate) use installer::{InstallerCommand, InstallerSpec};
pub(crate) use pythons::folder_of_uv;
pub(crate) use service::Packages;
pub(crate) use versions::{UpdateInProgress, Versions};
