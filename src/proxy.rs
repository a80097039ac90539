//! The gateway's data path: a request to an instance, and its answer back.
//!
//! Everything happens on the client's own task: `exchange` moves both directions at the same time between the client's
//! connection and one of the worker's `pool`. No actor is asked and nothing is spawned for a request.
//!
//! Each piece of an answer is written before more is read, and nothing more is read while 64 KiB wait for the client.
//! Framing is decoded on one side and encoded on the other, so no chunk size passes unread. An interim answer is never
//! the answer: `100` goes to a client that waits for it, others to clients of HTTP/1.1, and after sixteen it is a 502.
//! `timeout` begins when the request has left, so that a slow upload is no late answer; event streams have none, only
//! five idle minutes.
//!
//! A connection goes back to the pool when the answer ended as announced, the request was written whole and nothing
//! else came; after `HEAD` never, as that cannot be known. What may not be repeated takes one that was idle so shortly
//! that no instance would close it yet (`policy/keep_alive.rs`).

mod access;
mod answer;
mod client_fields;
mod cors;
mod cut_prefix;
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

#[cfg(any(test, fuzzing))]
pub(crate) use request::forwarded;
pub(crate) use router::ServiceRouter;
