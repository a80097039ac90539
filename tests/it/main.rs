//! The integration tests: one binary, one file per promise to the user.

mod embedding;
mod examples;
mod store;
mod support;
