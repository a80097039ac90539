//! Tool calls and every other request to a server: admitted, dispatched, observed, recorded.
//!
//! A tool call is on record before it is answered. Everything else a client sends is forwarded without a record.

mod admitted_call;
mod client_channel;
mod client_request;
mod dispatch;
mod forward;
mod operation;
mod progress;
mod record;
mod reply;
mod request;
mod service;
mod unavailable;

pub use crate::{
    mcp::{Era, McpClient, Members, Request},
    supervisor::messages::{RequestEvent, RequestSubscriber, ServerEvent, ServerRequest},
};
pub use client_channel::ResourceSubscription;
pub use client_request::{ClientRequest, ServerResponse};
pub use progress::CallProgress;
pub use request::{CallOutcome, CallRequest};
pub use service::Calls;
