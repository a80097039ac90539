//! Many servers enabled at a boot: how soon all are ready, and how the API feels meanwhile.

use std::{path::Path, time::Duration};

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection};
use tokio::time::{Instant, sleep};

use crate::{
    Outcome,
    load::{Connection, Request},
    ostler::{Folder, Ostler},
    plan::Plan,
    table::{Sample, Table, milliseconds},
};

/// A request every so often, whatever the last one took: who looks at a dashboard does not wait for nobody.
const PAUSE: Duration = Duration::from_millis(5);

pub async fn measure(plan: &Plan, table: &mut Table) -> Outcome<()> {
    let folder = Folder::new()?;
    let database = folder.database("ostler.db");
    let ostler = Ostler::start(&folder, &database, plan.workers).await?;
    for number in 0..plan.servers {
        ostler.register(&format!("server {number}"), false).await?;
    }
    let key = ostler.key.clone();
    drop(ostler);
    enable_all(&folder.path().join("ostler.db"))?;

    let begun = Instant::now();
    let ostler = Ostler::start_again(&folder, &database, plan.workers, key)?;
    let up = begun.elapsed();
    let request = ostler.request("GET", "/api/mcp", "");
    let mut asked = Vec::new();
    tokio::select! {
        ready = ostler.all_ready(plan.servers) => ready?,
        failed = ask_on(&ostler, &request, &mut asked) => failed?,
    }
    let ready = begun.elapsed();
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    let servers = plan.servers;
    table.add_figure(format!("boot with {servers} servers enabled: API up"), seconds(up));
    table.add_figure(
        format!("boot with {servers} servers enabled: all ready"),
        format!("{} (aim: under 20 s)", seconds(ready)),
    );
    let sample = Sample::of(asked, ready - up);
    let means = format!("p99 {} ms (aim: under 50)", milliseconds(sample.p99));
    table.add_calls(&format!("`GET /api/mcp` while {servers} servers start"), 1, sample, means);
    Ok(())
}

/// As if all had been enabled one by one, without starting them first.
fn enable_all(file: &Path) -> Outcome<()> {
    let mut db = SqliteConnection::establish(&file.display().to_string())?;
    Ok(db.batch_execute("UPDATE mcp_servers SET enabled = TRUE")?)
}

/// Asks again and again; ends only where an answer is wrong.
async fn ask_on(ostler: &Ostler, request: &Request, asked: &mut Vec<Duration>) -> Outcome<()> {
    let mut connection = Connection::open(ostler.address).await?;
    loop {
        let since = Instant::now();
        let status = connection.ask(request).await?.status;
        if status != 200 {
            return Err(format!("GET /api/mcp: {status}").into());
        }
        asked.push(since.elapsed());
        sleep(PAUSE).await;
    }
}
