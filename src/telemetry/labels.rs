//! Labels of MCP operations and sessions (OpenTelemetry's conventions for MCP).
//!
//! Clients and servers could make up any number of names, so each label takes its values from a closed set.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{
    mcp::{ClientMethod, REVISIONS},
    telemetry::outcome::NoResponse,
};

/// Stands for every value outside the closed set.
pub(super) const OTHER: &str = "_OTHER";

/// Every error code with a meaning of its own (JSON-RPC 2.0; MCP).
const ERROR_CODES: [&str; 14] = [
    "-32700", "-32600", "-32601", "-32602", "-32603", "-32000", "-32001", "-32002", "-32003", "-32020", "-32021",
    "-32022", "-32042", "-32800",
];

/// Labels of a request; an empty one is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "metrics", derive(prometheus_client::encoding::EncodeLabelSet))]
pub(super) struct OperationLabels {
    mcp_method_name: &'static str,
    mcp_protocol_version: &'static str,
    gen_ai_operation_name: &'static str,
    pub gen_ai_tool_name: Arc<str>,
    pub network_transport: &'static str,
    rpc_response_status_code: &'static str,
    error_type: &'static str,
}

/// Labels of a session.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
#[cfg_attr(feature = "metrics", derive(prometheus_client::encoding::EncodeLabelSet))]
pub(super) struct SessionLabels {
    mcp_protocol_version: &'static str,
    network_transport: &'static str,
}

/// The value of the attribute `error.type`.
#[derive(Clone, Copy, Debug)]
pub(super) enum ErrorType {
    /// A tool's result with `isError`.
    ToolError,
    /// A JSON-RPC error with this code.
    Code(i64),
    /// No response.
    NoResponse(NoResponse),
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ToolError => f.write_str("tool_error"),
            Self::Code(code) => write!(f, "{code}"),
            Self::NoResponse(reason) => f.write_str(reason.as_str()),
        }
    }
}

// Method and tool are enough to find most series at once, and every request is looked up.
impl Hash for OperationLabels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.mcp_method_name, &self.gen_ai_tool_name).hash(state);
    }
}

impl OperationLabels {
    /// The labels of a request for `method` that has not failed.
    pub(crate) fn new(method: &str) -> Self {
        Self {
            mcp_method_name: ClientMethod::find(method).map_or(OTHER, |known| known.name),
            mcp_protocol_version: "",
            gen_ai_operation_name: if method == "tools/call" { "execute_tool" } else { "" },
            gen_ai_tool_name: Arc::default(),
            network_transport: "",
            rpc_response_status_code: "",
            error_type: "",
        }
    }

    pub(crate) fn set_protocol_version(&mut self, version: &str) {
        self.mcp_protocol_version = label_of(&REVISIONS, version);
    }

    pub(crate) fn set_error_type(&mut self, error_type: ErrorType) {
        match error_type {
            ErrorType::ToolError => self.error_type = "tool_error",
            ErrorType::NoResponse(reason) => self.error_type = reason.as_str(),
            ErrorType::Code(code) => {
                self.error_type = label_of(&ERROR_CODES, itoa::Buffer::new().format(code));
                self.rpc_response_status_code = self.error_type;
            }
        }
    }
}

impl SessionLabels {
    pub(super) fn new(protocol_version: &str, transport: &'static str) -> Self {
        Self { mcp_protocol_version: label_of(&REVISIONS, protocol_version), network_transport: transport }
    }
}

fn label_of(values: &[&'static str], value: &str) -> &'static str {
    values.iter().find(|known| **known == value).copied().unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_values_are_no_labels() {
        let mut labels = OperationLabels::new("x/made-up");
        labels.set_protocol_version("1.0");
        labels.set_error_type(ErrorType::Code(-7));
        assert_eq!((labels.mcp_method_name, labels.mcp_protocol_version, labels.error_type), (OTHER, OTHER, OTHER));
        labels.set_error_type(ErrorType::Code(-32601));
        assert_eq!((labels.error_type, labels.rpc_response_status_code), ("-32601", "-32601"));
    }
}
