//! The edge: every byte between Ostler and a client passes here, under one set of limits and deadlines.
//!
//! One task serves one connection, from accepting it to closing it: `conversation` reads a head, hands the request to
//! its router, and goes on while both sides keep the connection.

mod accept;
mod answer;
mod app;
mod connection;
mod conversation;
mod date;
mod deadlines;
mod load_shedding;
mod payload;
mod read_buffer;
mod router;
mod worker;
pub mod write_buffer;

pub use accept::listen;
pub use connection::Connection;
pub use router::{Routed, Router};

use std::time::Duration;

/// The longest a connection may be silent between two requests, or before its first.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest a head may take from its first byte to its last, on every request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest a body may go without a byte while it is read.
const BODY_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest a client may go without taking a byte of what it asked for.
const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest a connection may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// An unread body is drained where at most this much is left of it; else the connection is closed.
const DRAINED_BYTES_MAX: u64 = 64 << 10;

/// The fate of a connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The answer is staged or sent, and the next request may come.
    KeepAlive,
    /// The staged bytes are sent, then the connection is closed.
    Close,
    /// The connection is reset: what was sent of the answer could otherwise be taken for the whole of it.
    Reset,
}
