//! The suite: a real Ostler per test, spoken to through its front door. One file per promise.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a test says what it expects, and fails where it is not so"
)]

mod config;
mod demo_server;
mod store;
mod support;
mod tidy;
