//! Prints how fast Ostler is, beside what the machine itself allows: `cargo bench --bench speed`, one Markdown table.
//!
//! Read `calls` for the main figures and `load` for how calls are made. Everything runs on loopback in folders of its
//! own, with rate limits off, an API key checked on every call, and every call on record before it is answered.
//!
//! Tried and left alone: syncing one group while the next is written, on another thread (no more calls: it only adds a
//! hand-over); a turn for others before a group is gathered (fewer calls: hand-overs cost more than the syncs saved);
//! counting calls once a second in place of once a commit (it would save under 1,000 instructions a call at 64, and
//! needs a recount after a crash); servers' actors on the HTTP workers' threads (3 % more, but a flood would share a
//! thread with HTTP).
//!
//! An MCP client's call costs 30,000 instructions more than `/execute`: 9,000 to read the message one level deep, 4,000
//! to compare headers with it, 3,000 for the headers themselves, 4,000 for metrics and the check of rights, 2,000 for
//! the answer around the result, and the rest for larger messages.

#![allow(clippy::as_conversions, clippy::indexing_slicing, reason = "figures are rounded, and a panic is a failed run")]

mod calls;
mod door;
mod embedded;
mod floors;
mod host;
mod load;
mod many;
mod memory;
mod ostler;
mod pipe;
mod plan;
mod recovery;
mod removal;
mod support;
mod table;

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use plan::{Part, Plan};
use table::Table;

/// As in the program beside which the embedding app is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever goes wrong ends the run with its reason.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, host::APP, way, workers] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return end(actix::System::new().block_on(host::run(way, workers.parse().unwrap_or(1))));
    }
    let plan = match Plan::parse(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(64);
        }
    };
    end(actix::System::new().block_on(until_stopped(measure(&plan))).map(|table| print!("{table}")))
}

fn end(outcome: Outcome<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("speed: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(plan: &Plan) -> Outcome<Table> {
    let mut table = Table::default();
    for part in plan.parts() {
        eprintln!("measuring: {}", part.name());
        match part {
            Part::Calls => calls::measure(plan, &mut table).await?,
            Part::Door => door::measure(plan, &mut table).await?,
            Part::Embedded => embedded::measure(plan, &mut table).await?,
            Part::Memory => memory::measure(plan, &mut table).await?,
            Part::Many => many::measure(plan, &mut table).await?,
            Part::Recovery => recovery::measure(plan, &mut table).await?,
            Part::Removal => removal::measure(plan, &mut table).await?,
        }
    }
    Ok(table)
}

/// Lets go of whatever runs when this process is asked to stop, so that nothing is left behind.
async fn until_stopped<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        outcome = work => outcome,
        _ = terminate.recv() => Err("stopped by SIGTERM".into()),
        _ = interrupt.recv() => Err("stopped by SIGINT".into()),
    }
}
