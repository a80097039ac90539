//! The shared layer of all HTTP doors: authentication, host check, bodies, queries, problems, tracing, event streams.
//!
//! Knows no noun of the API, and not how bytes come and go.

pub(crate) mod authenticate;
pub(crate) mod body;
pub(crate) mod challenge;
pub(crate) mod client_address;
pub(crate) mod compression;
pub(crate) mod conditional;
pub(crate) mod event_stream;
pub(crate) mod host_check;
mod host_check_layer;
pub(crate) mod html;
pub(crate) mod json_rpc;
pub(crate) mod methods;
pub(crate) mod mount;
pub(crate) mod problem;
pub(crate) mod query;
mod settings;
pub(crate) mod trace;

pub use host_check::HostCheck;
pub use settings::HttpSettings;

/// The result of a handler: its response, or the problem that is answered in place of one.
pub(crate) type HandlerResult = std::result::Result<actix_web::HttpResponse, problem::Problem>;
