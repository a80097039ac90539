//! The Model Context Protocol without I/O: envelopes, revisions, framing, and the few messages Ostler itself says.
//!
//! A message is read one level deep and passed on byte for byte otherwise; whatever we don't know goes through untouched.

mod control;
pub mod convert;
mod declared;
mod envelope;
mod framing;
mod members;
pub mod prefix;
mod request;
mod revision;
pub mod template;
mod write;

pub use control::{Discovered, Initialized, Progress, ToolsPage, tool_error_text, tool_text};
pub use declared::Declared;
pub use envelope::{Message, NotJsonRpc, RpcError};
pub use framing::{Frame, Framer, MAX_LINE};
pub use members::Members;
pub use request::Request;
pub use revision::{Era, LATEST_LEGACY, MODERN, is_legacy};
pub use write::{
    Line, answer, answer_with, call_tool, cancelled, error, initialize, list_tools, method_not_found, notification,
    request,
};
