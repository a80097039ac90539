//! A runtime inside an actix-web app, beside the standalone program: calls through the app's own handler, and what the
//! runtime adds to its memory.

use tokio::time::sleep;

use crate::{
    Outcome, host,
    load::{self, Request, TOKEN, Until},
    memory::{QUIET, megabytes, resident},
    ostler::{Folder, Ostler, Process},
    plan::Plan,
    table::{Sample, Table, median},
};

const IN_FLIGHT: usize = 64;

/// Least calls a second, as a multiple of those of `/execute`.
const LEAST_TIMES: f64 = 1.1;
/// Most memory that a runtime at rest takes.
const MOST_MEMORY: &str = "20 MB";

pub async fn measure(plan: &Plan, table: &mut Table) -> Outcome<()> {
    memory(plan, table).await?;
    calls(plan, table).await
}

/// Resident memory of the same app at rest, without a runtime and with one.
async fn memory(plan: &Plan, table: &mut Table) -> Outcome<()> {
    let folder = Folder::new()?;
    let start = |way| Process::run(host::command(way, &folder, plan.workers)?);
    // The first start makes the first admin, and hashes a password for it.
    drop(start(host::WITH_RUNTIME)?);
    let [(bare, _), (embedding, _)] = [start(host::BARE)?, start(host::WITH_RUNTIME)?];
    sleep(QUIET).await;
    let [bare, embedding] = [resident(bare.pid())?, resident(embedding.pid())?];
    let more = megabytes(embedding.saturating_sub(bare));
    let figure = format!("{more} more than the {} of the bare app (aim: at most {MOST_MEMORY})", megabytes(bare));
    table.add_figure("an app at rest with a runtime and a server: resident", figure);
    Ok(())
}

async fn calls(plan: &Plan, table: &mut Table) -> Outcome<()> {
    let folders = [Folder::new()?, Folder::new()?];
    let ostler = Ostler::start(&folders[0], &folders[0].database("ostler.db"), plan.workers).await?;
    let server = ostler.register("echo", true).await?;
    ostler.ready(&server).await?;
    let execute = ostler.call(&server);
    let (_app, address) = Process::run(host::command(host::WITH_RUNTIME, &folders[1], plan.workers)?)?;
    let call = Request::new("POST", host::CALL_PATH, "", &format!(r#"{{"text":"{TOKEN}"}}"#));
    let (mut standalone, mut embedded) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        eprintln!("  round {round} of {}", plan.rounds);
        let sample = async |address, request: &Request| -> Outcome<Sample> {
            Ok(load::run(address, request, IN_FLIGHT, Until::Passed(plan.span)).await?.sample)
        };
        // By turns, as who comes first has it easier.
        if round % 2 == 0 {
            standalone.push(sample(ostler.address, &execute).await?);
            embedded.push(sample(address, &call).await?);
        } else {
            embedded.push(sample(address, &call).await?);
            standalone.push(sample(ostler.address, &execute).await?);
        }
    }
    let times = median(embedded.iter().zip(&standalone).map(|(own, execute)| own.per_second / execute.per_second));
    let means = format!("{times:.2} × `/execute` (aim: at least {LEAST_TIMES})");
    table.add_calls("`/execute` in the same rounds", IN_FLIGHT, Sample::median(&standalone), String::new());
    table.add_calls("a call in a handler of an embedding app", IN_FLIGHT, Sample::median(&embedded), means);
    Ok(())
}
