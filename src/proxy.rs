//! The gateway's data path: a request to an instance, and its answer back.
//!
//! Everything happens on the client's own task: `exchange` moves both directions at the same time between the client's
//! connection and one of the worker's `pool`. No actor is asked and nothing is spawned for a request.

mod access;
mod answer;
mod exchange;
mod forward;
mod forwarded_request;
mod header_rules;
mod pool;
mod refusal;
mod request;
mod request_id;
mod resolve;
mod retry;
mod router;
mod span;
mod tunnel;
mod upload;
mod upstream;

pub use router::ServiceRouter;
