//! An MCP server with everything the official conformance suite asks for by name: `conformance_server --era
//! legacy|modern`.
//!
//! It speaks one era over standard input and output, and is a good server of that era. The suite speaks HTTP, so what
//! it judges is what stands in between. `eras.rs` answers requests, `call.rs` is one of them, the rest is what they are
//! about.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a fixture says what it cannot do by ending"
)]

mod call;
mod content;
mod eras;
mod listening;
mod offers;
mod questions;
mod seal;
mod server;
mod tools;

use std::{io::BufRead, process::ExitCode};

use server::{Era, Server};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let era = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--era", "legacy"] => Era::Legacy,
        ["--era", "modern"] => Era::Modern,
        _ => {
            eprintln!("usage: conformance_server --era legacy|modern");
            return ExitCode::from(64);
        }
    };
    let server = Server::new(era);
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match serde_json::from_str(&line) {
            Ok(message) => eras::take(&server, message),
            Err(error) => eprintln!("not JSON: {error}"),
        }
    }
    ExitCode::SUCCESS
}
