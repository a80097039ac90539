//! Outages of the database while sixteen callers call: no tool runs unrecorded beyond the calls in flight, every
//! acknowledged call is on record, `/readyz` says so meanwhile, and it serves again by itself.
//!
//! Each test prints a line of figures: outage, runs of the tool, runs without a record, answers that said so, calls
//! refused before the tool, `/readyz`, time to recover.

mod load;
#[cfg(feature = "postgres")]
mod postgres;
mod retention;
mod sqlite;
