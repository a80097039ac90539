//! Decisions as pure functions of state and time; no actor, no clock, no I/O.

pub mod account;
pub mod address;
pub mod audit_chain;
pub mod balance;
pub mod breaker;
pub mod call;
pub mod change;
pub mod client_file;
pub mod command;
pub mod consent;
pub mod environment;
pub mod health;
pub mod issuer;
pub mod mask;
pub mod name;
pub mod permission;
pub mod rate;
pub mod remote;
pub mod restart;
pub mod retry;
pub mod sampling;
pub mod search;
pub mod secret;
pub mod server;
pub mod service;
pub mod tools;
