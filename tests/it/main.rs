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

mod support;

mod access;
mod accounts;
mod addresses;
mod answers;
mod audit;
mod audit_chain;
mod audit_heads;
mod audit_manipulations;
mod audit_receivers;
mod audit_retention;
mod audit_spawns;
mod bodies;
mod bridge;
mod browser;
mod callers;
mod catalogue;
mod chaos;
mod client_config;
mod client_sessions;
mod clients;
mod clock;
mod config;
mod conformance;
mod connect;
mod consent;
mod copies;
mod dashboard;
mod database_faults;
mod demo_server;
mod depth;
mod edge;
mod embedding;
mod encrypted;
mod ends;
mod environment;
mod examples;
mod exclusive;
mod external_secrets;
mod fidelity;
mod forward;
mod framing;
mod gateway;
mod hardening;
mod history;
mod import;
mod isolation;
mod keys;
mod limits;
mod listings;
mod live;
mod main_job;
mod masking;
mod mcp;
mod metrics;
mod moved_database;
mod named_secrets;
mod network;
mod oauth;
mod outages;
mod packages;
mod pins;
mod postgresql;
mod processes;
mod protocol;
mod proxied;
mod real_servers;
mod recorder;
mod records;
mod refusals;
mod remote;
mod resource_limits;
mod restored_database;
mod revocation;
mod rotation;
mod sandbox;
mod seclusion;
mod servers_user;
mod service_manager;
mod shares;
mod signals;
mod starts;
mod states;
mod store;
mod succession;
mod supervision;
mod surroundings;
mod survival;
mod system;
mod telemetry;
mod templates;
mod temporary;
mod tidy;
mod timeline;
mod tool_rules;
mod transport;
mod updates;
mod usage;
mod working_directory;
