//! The edge: every byte between Ostler and a client passes here, under one set of limits and deadlines.
//!
//! One task serves one connection, from accepting it to closing it: `conversation` reads a head, hands the request to
//! its router, and goes on while both sides keep the connection.
//!
//! `actix-http`'s dispatcher is not used: forwarded and own requests alternate on one connection, and forwarding needs
//! the connection itself (trailers, interim answers, upgrades); limits and deadlines hold for every request, not for
//! the first of a connection; a refused head is answered with a problem, and the connection lingers until that is read;
//! there is no task, channel, boxed body or timer per request, and an answer is one write.
//!
//! Deadlines are ticks in a table (`deadlines`, `worker`): a worker counts one each 50 ms while it has connections.
//! Served ticks are counted, not clock time, so a suspended machine makes no client late. A waiting connection holds a
//! task and no buffer (`read_buffer`). `100 Continue` is sent when the body is first polled.
//!
//! Connections are capped at three quarters of the descriptors (`accept`): beyond that an idle one is closed, and where
//! none is idle a few more are answered 503. Late ticks show how long everything waits: after two late ones in a row,
//! with 64 connections or more, a growing share of requests is answered 503 (`load_shedding`).

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
pub(crate) mod write_buffer;

pub(crate) use accept::listen;
pub(crate) use connection::ClientConnection;
pub(crate) use router::{Routed, Router};

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
pub(crate) enum Disposition {
    /// The answer is staged or sent, and the next request may come.
    KeepAlive,
    /// The staged bytes are sent, then the connection is closed.
    Close,
    /// The connection is reset: what was sent of the answer could otherwise be taken for the whole of it.
    Reset,
}
