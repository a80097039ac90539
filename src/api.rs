//! The REST API, one file a noun: reads a request, calls the runtime, answers with a view.
//!
//! Knows neither bytes nor SQL, and decides no permission.

pub mod audit;
pub mod calls;
pub mod consent;
pub mod events;
pub mod execute;
pub mod gateway;
pub mod history;
pub mod import;
pub mod keys;
pub mod login;
pub mod output;
pub mod processes;
pub mod protected_resource;
pub mod server_body;
pub mod server_view;
pub mod servers;
pub mod shares;
pub mod system;
pub mod timeline;
pub mod usage;
pub mod users;
