//! `ostler connect`: Ostler's MCP endpoint on standard input and output, for clients that only start programs.

mod handshake;
mod message;
mod pending;
mod pipes;
mod relay;

use clap::Command as Clap;
use ostler::{
    model::Remote,
    supervisor::{RemoteTarget, remote},
};

use crate::cli::{
    failure::Failure,
    place::{self, ConnectionTarget, KEY_VARIABLE},
};
use relay::StdioRelay;

/// The command.
pub(crate) fn definition() -> Clap {
    Clap::new("connect")
        .about("Offer Ostler's MCP servers on standard input and output, to clients that only start programs")
        .args(place::arguments())
        .after_help(format!(
            "The environment holds an API key in {KEY_VARIABLE}; `ostler client-config` writes the client's configuration. \
             Either era of MCP goes through as the client speaks it. Requests wait up to a minute for an Ostler that \
             is away. Exit codes: 0 the client is done, 1 failed, 64 bad usage."
        ))
}

/// Passes lines on until standard input ends.
pub(crate) fn run(place: &ConnectionTarget) -> Result<(), Failure> {
    let key = std::env::var(KEY_VARIABLE).unwrap_or_default();
    if key.is_empty() {
        let next = "make one with POST /api/auth/keys and set it in the configuration of the client that starts this";
        return Err(Failure::Misconfigured(format!("{KEY_VARIABLE} holds no API key; {next}")));
    }
    actix::System::new().block_on(async {
        let url = place.endpoint(&key).await?;
        let headers = [("Authorization".to_owned(), format!("Bearer {key}"))].into();
        let target = RemoteTarget {
            remote: Remote { headers, ..Remote::new(url) },
            private_addresses: true,
            authority: remote::Authority::default(),
        };
        StdioRelay::new(target)?.run().await
    })
}
