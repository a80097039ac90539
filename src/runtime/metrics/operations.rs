//! What requests of MCP are told apart by (OpenTelemetry's conventions for MCP). Whoever calls or answers could make up any
//! number of names, so that only those are labels which are known.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::MetricConstructor, histogram::Histogram},
};

use crate::mcp::REVISIONS;

/// Stands for everything that is not known.
pub(in crate::runtime) const OTHER: &str = "_OTHER";

/// Upper bounds in seconds, as the conventions advise.
const BOUNDS: [f64; 14] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Every method a client may send.
const METHODS: [&str; 18] = [
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/list",
    "tools/call",
    "tools/list",
];

/// Every error code that has a meaning of its own (JSON-RPC 2.0; MCP).
const CODES: [&str; 14] = [
    "-32700", "-32600", "-32601", "-32602", "-32603", "-32000", "-32001", "-32002", "-32003", "-32020", "-32021",
    "-32022", "-32042", "-32800",
];

/// Makes histograms of requests.
#[derive(Clone)]
pub(super) struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BOUNDS)
    }
}

/// What a request is told apart by. A label without a value is none.
#[derive(Clone, Debug, PartialEq, Eq, EncodeLabelSet)]
pub(in crate::runtime) struct OperationLabels {
    pub mcp_method_name: &'static str,
    pub mcp_protocol_version: &'static str,
    pub gen_ai_operation_name: &'static str,
    pub gen_ai_tool_name: Arc<str>,
    pub network_transport: &'static str,
    pub rpc_response_status_code: &'static str,
    pub error_type: &'static str,
}

/// What a session is told apart by.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(in crate::runtime) struct SessionLabels {
    pub mcp_protocol_version: &'static str,
    pub network_transport: &'static str,
}

/// What went wrong, in one word.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime) enum Failing {
    /// The tool says so.
    ToolError,
    /// The server says so, by this code.
    Code(i64),
    /// There was no answer.
    Word(&'static str),
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ToolError => f.write_str("tool_error"),
            Self::Code(code) => write!(f, "{code}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Method and tool are enough to find most at once, and every request is looked up.
impl Hash for OperationLabels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.mcp_method_name, &self.gen_ai_tool_name).hash(state);
    }
}

impl OperationLabels {
    pub fn of(method: &str) -> Self {
        Self {
            mcp_method_name: known(&METHODS, method),
            mcp_protocol_version: "",
            gen_ai_operation_name: if method == "tools/call" { "execute_tool" } else { "" },
            gen_ai_tool_name: Arc::default(),
            network_transport: "",
            rpc_response_status_code: "",
            error_type: "",
        }
    }

    pub fn version(&mut self, version: &str) {
        self.mcp_protocol_version = known(&REVISIONS, version);
    }

    pub fn failing(&mut self, failing: Failing) {
        match failing {
            Failing::ToolError => self.error_type = "tool_error",
            Failing::Word(word) => self.error_type = word,
            Failing::Code(code) => {
                self.error_type = known(&CODES, itoa::Buffer::new().format(code));
                self.rpc_response_status_code = self.error_type;
            }
        }
    }
}

impl SessionLabels {
    pub fn of(version: &str, is_remote: bool) -> Self {
        let network_transport = if is_remote { "tcp" } else { "pipe" };
        Self { mcp_protocol_version: known(&REVISIONS, version), network_transport }
    }
}

fn known(all: &[&'static str], name: &str) -> &'static str {
    all.iter().find(|one| **one == name).copied().unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_make_up_is_no_label() {
        let mut labels = OperationLabels::of("x/made-up");
        labels.version("1.0");
        labels.failing(Failing::Code(-7));
        assert_eq!((labels.mcp_method_name, labels.mcp_protocol_version, labels.error_type), (OTHER, OTHER, OTHER));
        labels.failing(Failing::Code(-32601));
        assert_eq!((labels.error_type, labels.rpc_response_status_code), ("-32601", "-32601"));
    }
}
