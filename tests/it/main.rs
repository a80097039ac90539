//! The integration tests: one binary, one file per promise to the user.

mod store;
mod support;
