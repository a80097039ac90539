//! Prints how fast Ostler forwards, beside nginx, haproxy and pingora: `cargo bench --bench gateway`, one Markdown
//! table.
//!
//! Every proxy stands in front of the same two addresses of one small upstream (`upstream`), with one worker. The proxy
//! has core 0 for itself; upstream and load generator (wrk) share core 1. In every round all proxies are measured back
//! to back, workload by workload, in turning order; what is shown are medians over rounds. Needs `taskset` and `wrk`;
//! nginx and haproxy are left out where they are not installed, pingora where it cannot be built.

#![allow(clippy::as_conversions, clippy::indexing_slicing, reason = "figures are rounded, and a panic is a failed run")]
#![allow(
    clippy::disallowed_methods,
    reason = "nothing here runs on tokio but the upstream, and proxies tell nobody that they listen"
)]

mod load;
mod peers;
mod process;
mod table;
mod upstream;

use std::process::{Command, ExitCode};

use load::{Load, Sample};
use peers::Peer;
use process::{Folder, Process};
use table::Table;

/// Whatever goes wrong ends the run with its reason.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const USAGE: &str =
    "usage: cargo bench --bench gateway -- [--quick] [--only ostler,nginx,haproxy,pingora] [--rounds N] [--seconds N]
  --quick    one round of one second; its figures say little
  --only     some proxies only
  --rounds   how often everything is measured; medians are shown
  --seconds  how long each measurement of a round takes";

/// What the command line asks for.
struct Plan {
    only: Vec<String>,
    rounds: usize,
    seconds: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [name, addresses @ ..] = arguments.as_slice()
        && name == "upstream"
    {
        return ended(upstream::run(addresses));
    }
    match parse(arguments.into_iter()) {
        Ok(plan) => ended(measure(&plan).map(|table| print!("{table}"))),
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::from(64)
        }
    }
}

fn ended(outcome: Outcome<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("gateway: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Plan, &'static str> {
    let mut plan = Plan { only: Vec::new(), rounds: 3, seconds: 3 };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE);
        let number = |text: String| text.parse().ok().filter(|number| *number > 0).ok_or(USAGE);
        match argument.as_str() {
            // Cargo adds this one.
            "--bench" => {}
            "--quick" => (plan.rounds, plan.seconds) = (1, 1),
            "--only" => plan.only = value()?.split(',').map(str::to_owned).collect(),
            "--rounds" => plan.rounds = number(value()?)?,
            "--seconds" => plan.seconds = number(value()?)?,
            _ => return Err(USAGE),
        }
    }
    Ok(plan)
}

fn measure(plan: &Plan) -> Outcome<Table> {
    if std::thread::available_parallelism()?.get() < 2 {
        return Err("two cores are needed: one for the proxy, one for the load".into());
    }
    let folder = Folder::new()?;
    let addresses = peers::free_addresses(2)?;
    let mut command = pinned(1, std::env::current_exe()?);
    let _upstream = Process::start(command.arg("upstream").args(&addresses), &addresses[0])?;
    let mut peers = vec![Peer::direct(&addresses[0])];
    peers.extend(peers::start(&plan.only, &folder, &addresses)?);
    let loads = Load::all(&folder)?;
    let mut table = Table::default();
    for round in 0..plan.rounds {
        for load in &loads {
            for index in 0..peers.len() {
                let peer = &peers[(index + round) % peers.len()];
                eprintln!("round {} of {}: {} through {}", round + 1, plan.rounds, load.name(), peer.name);
                let sample: Sample = load.run(peer, plan.seconds)?;
                table.add(load, &peer.name, round, sample);
            }
        }
    }
    Ok(table)
}

/// A command that runs on one core only.
fn pinned(core: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}
