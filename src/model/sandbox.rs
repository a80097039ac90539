//! [`Sandbox`] and [`Limits`]: what the processes of a server may reach and use, as its owner writes it.

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, Type},
    },
};

/// Containment of a server's processes. A server at a URL has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Sandbox {
    /// Its level; `null` for `MCP_SANDBOX`.
    pub level: Option<SandboxLevel>,
    /// Files and folders that it may reach besides its own.
    #[schema(required = true)]
    pub paths: SandboxPaths,
    /// True when it may use UNIX sockets, as a browser must.
    #[schema(required = true)]
    pub unix_sockets: bool,
    /// Hosts that it may connect to.
    #[schema(required = true)]
    pub network: Network,
}

/// Level of a process's containment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SandboxLevel {
    /// Not at all: it may do whatever the user may whom Ostler runs as.
    None,
    /// By rules of the kernel about files, system calls and signals, in a home of its own.
    #[default]
    Standard,
    /// In namespaces of its own as well: it sees no other process, and no file that it may not open.
    Strict,
}

impl SandboxLevel {
    /// All of them, with their names.
    pub const ALL: [(&str, Self); 3] = [("none", Self::None), ("standard", Self::Standard), ("strict", Self::Strict)];
}

/// The sandbox of a server as it is in effect, or will be when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EffectiveSandbox {
    /// Its level.
    pub level: SandboxLevel,
    /// Files and folders besides its own, without links: those of its sandbox, and those that its command line and its
    /// environment name.
    pub paths: SandboxPaths,
    /// Paths of its sandbox that are not in force: nothing is there, or a link that the server may have made leads
    /// elsewhere. They are looked for at each start of a process.
    pub not_in_force: Vec<String>,
}

/// Files and folders that are granted to a server, by absolute paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SandboxPaths {
    /// To read and to run.
    #[schema(required = true)]
    pub read: Vec<String>,
    /// To read, to run, to change and to remove.
    #[schema(required = true)]
    pub write: Vec<String>,
}

/// Connections that a server may open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Network {
    /// To any address.
    #[default]
    Full,
    /// To none.
    None,
    /// To these hosts alone, at ports 80 and 443: names, of which `*.example.com` stands for all below one.
    #[serde(untagged)]
    Hosts(Vec<String>),
}

impl ToSchema for Network {}

/// By hand: the derived one knows nothing of a variant without its name.
impl PartialSchema for Network {
    fn schema() -> RefOr<Schema> {
        let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["full", "none"]));
        let hosts = ArrayBuilder::new().items(Object::with_type(Type::String));
        let words = "Connections that a server may open: to any address, to none, or to these hosts alone, at ports 80 \
            and 443; `*.example.com` stands for all names below one.";
        OneOfBuilder::new().item(word).item(hosts).description(Some(words)).into()
    }
}

/// Bounds of what the processes of a server use together; `None` for the usual one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Limits {
    /// Memory of their own, swapped out or not, in MiB: shared memory, files and the kernel's do not count.
    #[schema(minimum = 16)]
    pub memory_mb: Option<u64>,
    /// Processes and threads.
    #[schema(minimum = 32)]
    pub processes: Option<u64>,
    /// Processor time, in hundredths of a core.
    #[schema(minimum = 1)]
    pub cpu_percent: Option<u64>,
    /// Descriptors of each process.
    #[schema(minimum = 64)]
    pub open_files: Option<u64>,
    /// Size of the server's own folder, in MiB.
    #[schema(minimum = 1)]
    pub disk_mb: Option<u64>,
}

impl Limits {
    /// These limits, with those of `usual` where none is given.
    #[must_use]
    pub fn or(self, usual: Self) -> Self {
        Self {
            memory_mb: self.memory_mb.or(usual.memory_mb),
            processes: self.processes.or(usual.processes),
            cpu_percent: self.cpu_percent.or(usual.cpu_percent),
            open_files: self.open_files.or(usual.open_files),
            disk_mb: self.disk_mb.or(usual.disk_mb),
        }
    }
}
