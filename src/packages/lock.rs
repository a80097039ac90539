//! [`Lock`]: the files from which an installer makes the same installation again.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::{model::PackageRegistry, policy::hex};

/// Bytes of the hash that names an installation.
const NAME_BYTES: usize = 12;

/// The files from which an installer makes the same installation again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lock {
    /// The registry that its packages are from.
    pub(super) registry: PackageRegistry,
    /// Their texts by name.
    pub(super) files: BTreeMap<String, String>,
    /// The Python that it is installed for, in the words of its owner.
    pub(super) python: Option<String>,
    /// The version of the first package.
    pub(super) version: String,
    /// True for packages of PyPI that `pip` installs, as there was no `uv`: its files differ.
    #[serde(default)]
    pub(super) is_by_pip: bool,
}

impl Lock {
    /// The name of the folder that it is installed in.
    pub(super) fn folder_name(&self) -> String {
        let mut hash = digest::Context::new(&digest::SHA256);
        for text in self.files.iter().flat_map(|(name, text)| [name, text]).chain(&self.python) {
            hash.update(text.as_bytes());
            hash.update(b"\0");
        }
        if self.is_by_pip {
            hash.update(b"pip\0");
        }
        hex::encode(hash.finish().as_ref().get(..NAME_BYTES).unwrap_or_default())
    }
}
