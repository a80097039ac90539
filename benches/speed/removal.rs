//! Calls while a backlog of calls is removed, beside calls while nothing is: removal goes on beside them, unnoticed.

use std::sync::Arc;

use ostler::{
    model::{ServerId, UserId},
    store::{Connection, Store, call_bytes, calls},
};
use serde_json::{Value, value::RawValue};

use crate::{
    Outcome, floors,
    load::{self, Until},
    ostler::{Folder, Ostler, text},
    plan::Plan,
    support,
    table::{Sample, Table, milliseconds},
};

const IN_FLIGHT: usize = 16;
/// Bytes of the arguments of a call that is removed, and of its answer.
const PAYLOAD: usize = 2500;
/// Calls added in one transaction.
const GROUP: usize = 1000;
/// The least that can be kept, and more than is made here.
const BUDGETS: [&str; 2] = ["1048576", "1099511627776"];

pub async fn measure(plan: &Plan, table: &mut Table) -> Outcome<()> {
    let folder = Folder::new()?;
    compare("SQLite", &folder, &folder.database("ostler.db"), plan, table).await?;
    if let Some(url) = postgres() {
        compare("PostgreSQL", &Folder::new()?, &url, plan, table).await?;
    }
    Ok(())
}

#[cfg(feature = "postgres")]
fn postgres() -> Option<String> {
    support::postgres::database()
}

#[cfg(not(feature = "postgres"))]
fn postgres() -> Option<String> {
    support::absent("this was built without PostgreSQL");
    None
}

async fn compare(name: &str, folder: &Folder, url: &str, plan: &Plan, table: &mut Table) -> Outcome<()> {
    let ostler = Ostler::start(folder, url, plan.workers).await?;
    let server = ostler.register("echo", true).await?;
    let user = text(&ostler.ask("GET", "/api/auth/me", &Value::Null).await?, "/id")?;
    let key = ostler.key.clone();
    drop(ostler);
    let store = Store::open(&url.parse()?)?;
    fill(&mut store.writer()?, server.parse()?, user.parse()?, plan.backlog)?;
    let [least, plenty] = BUDGETS;
    let start = |budget: &str| {
        let settings = [("OSTLER_CALLS_BYTES", budget), ("OSTLER_CALLS_BYTES_PER_USER", budget)];
        Ostler::start_with(folder, url, plan.workers, key.clone(), &settings)
    };
    let mut quiet = Vec::new();
    let ostler = start(plenty)?;
    ostler.ready(&server).await?;
    for _ in 0..plan.rounds {
        quiet.push(sample(&ostler, &server, plan).await?);
    }
    drop(ostler);
    let mut busy = Vec::new();
    let ostler = start(least)?;
    ostler.ready(&server).await?;
    let kept = 2 * least.parse::<i64>()?;
    while call_bytes::by_user(&mut store.writer()?)?.values().sum::<i64>() > kept {
        busy.push(sample(&ostler, &server, plan).await?);
    }
    let (quiet, rounds, busy) = (Sample::median(&quiet), busy.len(), Sample::median(&busy));
    table.add_calls(&format!("`/execute`, {name}"), IN_FLIGHT, quiet, format!("max {} ms", milliseconds(quiet.max)));
    let of = |figure: fn(&Sample) -> f64| figure(&busy) / figure(&quiet);
    let means = format!(
        "max {} ms; p50 {:.1}, p99 {:.1}, max {:.1} × without; gone within {:.1} s",
        milliseconds(busy.max),
        of(|sample| sample.p50.as_secs_f64()),
        of(|sample| sample.p99.as_secs_f64()),
        of(|sample| sample.max.as_secs_f64()),
        plan.span.as_secs_f64() * 1.1 * rounds as f64,
    );
    table.add_calls(&format!("the same while {} calls are removed, {name}", plan.backlog), IN_FLIGHT, busy, means);
    Ok(())
}

async fn sample(ostler: &Ostler, server: &str, plan: &Plan) -> Outcome<Sample> {
    Ok(load::run(ostler.address, &ostler.call(server), IN_FLIGHT, Until::Passed(plan.span)).await?.sample)
}

/// Adds calls, and counts them as the recorder would have.
fn fill(db: &mut Connection, server_id: ServerId, user_id: UserId, count: usize) -> Outcome<()> {
    let text: Arc<RawValue> = RawValue::from_string(format!("\"{}\"", "x".repeat(PAYLOAD)))?.into();
    for _ in 0..count / GROUP {
        let call = |_| floors::call(server_id, user_id, text.clone(), text.clone());
        let calls: Vec<_> = (0..GROUP).map(call).collect();
        db.transaction(|db| {
            calls::insert(db, &calls)?;
            let mut sums = call_bytes::Sums::new();
            for call in &calls {
                *sums.entry((call.id.hour(), user_id)).or_default() += i64::try_from(call.bytes()).unwrap_or(i64::MAX);
            }
            call_bytes::count(db, &server_id.to_string(), &sums)
        })?;
    }
    Ok(())
}
