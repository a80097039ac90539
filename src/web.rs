//! The shared layer of all HTTP doors: authentication, host check, bodies, queries, problems, tracing, event streams.
//!
//! Knows no noun of the API, and not how bytes come and go.

pub mod authenticate;
pub mod body;
mod challenge;
pub mod client_address;
pub mod conditional;
pub mod event_stream;
pub mod host_check;
pub mod html;
pub mod methods;
pub mod problem;
pub mod query;
mod settings;
pub mod trace;

pub use settings::HttpSettings;

/// The result of a handler: its response, or the problem that is answered in place of one.
pub type HandlerResult = std::result::Result<actix_web::HttpResponse, problem::Problem>;
