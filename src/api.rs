//! The REST API, one file a noun: reads a request, calls the runtime, answers with a view.
//!
//! Knows neither bytes nor SQL, and decides no permission.

pub(crate) mod audit;
pub(crate) mod calls;
pub(crate) mod catalogue;
pub(crate) mod consent;
pub(crate) mod events;
pub(crate) mod execute;
pub(crate) mod gateway;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod output;
pub(crate) mod packages;
pub(crate) mod processes;
pub(crate) mod protected_resource;
pub(crate) mod published;
pub(crate) mod secrets;
pub(crate) mod server_body;
pub(crate) mod server_view;
pub(crate) mod servers;
pub(crate) mod shares;
pub(crate) mod system;
pub(crate) mod templates;
pub(crate) mod timeline;
pub(crate) mod tools;
pub(crate) mod usage;
pub(crate) mod users;
