//! The Model Context Protocol without I/O: envelopes, revisions, framing, and the few messages Ostler itself says.
//!
//! A message is read one level deep and passed on byte for byte otherwise; unknown members go through untouched.

mod client;
mod control;
pub mod convert;
mod declared;
mod envelope;
mod framing;
mod item_shape;
mod item_vetting;
mod level;
mod members;
mod method;
mod param_headers;
mod partial;
pub mod prefix;
mod relay;
mod request;
mod revision;
mod rpc_error;
mod schema;
mod surrogates;
pub mod template;
mod write;

pub use client::McpClient;
pub use control::{
    Capabilities, Discovered, Initialized, ListPage, Progress, is_method_not_found, message_level,
    speaks_modern_after_all, take_subscription, tool_error_text, tool_text, wants_other_era,
};
pub use declared::Declared;
pub use envelope::{Message, NotJsonRpc};
pub use framing::{Frame, Framer};
pub use item_shape::ItemKind;
pub use item_vetting::{VettedItem, vet_item};
pub use level::Level;
pub use members::{Members, empty_object};
pub use method::{ClientMethod, NameParam};
pub use param_headers::{ParamHeader, header_value, may_annotate};
pub use partial::{DroppedLine, LineBudget, LineShare, MAX_LINE, PartialMessage};
pub use relay::{client_notification, client_request};
pub use request::Request;
pub use revision::{Era, LATEST_LEGACY, MODERN, REVISIONS, is_legacy};
pub use rpc_error::RpcError;
pub use write::{
    Line, answer, answer_with, call_tool, cancelled, error, initialize, list, method_not_found, notification, request,
};
