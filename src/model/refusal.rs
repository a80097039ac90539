//! [`Refusal`]: something that a sandbox refused to a server, and the [`Grant`] that would allow it.

use serde::Serialize;
use utoipa::ToSchema;

/// An action that the sandbox of a server refused, as far as the server's output tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Refusal {
    /// One sentence for a person.
    pub reason: String,
    /// The grant that would allow it; `null` where no setting does, or none that a server's output may ask for.
    pub grant: Option<Grant>,
}

/// A grant that a sandbox lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Grant {
    /// A file or a folder to read and to run.
    Read {
        /// Its absolute path.
        path: String,
    },
    /// A file or a folder to change.
    Write {
        /// Its absolute path.
        path: String,
    },
    /// UNIX sockets.
    UnixSockets,
    /// Connections to a host.
    Host {
        /// Its name.
        host: String,
    },
    /// No sandbox at all.
    NoSandbox,
}

impl Grant {
    /// The member of a server that holds it.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Read { .. } => "sandbox.paths.read",
            Self::Write { .. } => "sandbox.paths.write",
            Self::UnixSockets => "sandbox.unixSockets",
            Self::Host { .. } => "sandbox.network",
            Self::NoSandbox => "sandbox.level",
        }
    }
}
