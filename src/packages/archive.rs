//! Archives of installations, for machines of the same platform without a network.
//!
//! An archive is a tar file. Its first entry lists everything else: each installation with its lock, its pin and its
//! manifest. After it come the files of all installations; links are in the manifests alone. Nothing is taken from an
//! archive that its list does not have, and nothing in a list is believed that leads out of an installation.

mod contents;
mod export;
mod import;
mod place;
mod python;

pub use export::export;
pub use import::{ImportedPackage, import};
