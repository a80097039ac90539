//! PostgreSQL's side of the store: what its address says, how it is connected to, and diesel's view of that.
//!
//! `tokio-postgres` speaks the protocol and rustls encrypts it; the bytes move on the thread that asks, over a socket
//! that does not wait for ever.

mod address;
mod connect;
mod examination;
mod host;
mod options;
mod passfile;
mod report;
mod row;
mod session;
mod socket;
mod tls;

pub(super) use examination::examine;
pub(super) use options::check;
pub(super) use report::sqlstate;
pub(super) use session::PostgresSession;
