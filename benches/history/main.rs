//! How long charts and lists take with many calls on record: `cargo bench --bench history -- 10000000`.
//!
//! Fills a database of its own with so many calls of the last thirty days (a million where nothing is said; ten million
//! take 4 GB), of fifty servers with twenty tools each, and their counts; then asks what the dashboard asks.

use std::{error::Error, sync::Arc, time::Duration};

use ostler::{
    model::{CallFilter, CallId, PageRequest, Rollup, ServerId, Step, Timestamp, ToolCall, UserId},
    store::{
        Connection, DatabaseUrl, Store, calls,
        rollups::{self, ALL, CallScope, RollupKey},
    },
};
use serde_json::value::RawValue;
use tokio::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

const SERVERS: usize = 50;
const TOOLS: usize = 20;
const HOURS: i64 = 30 * 24;
const GROUP: u64 = 10_000;

fn main() -> Outcome<()> {
    let count = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(1_000_000);
    let folder = std::env::temp_dir().join(format!("ostler-history-{}", CallId::new()));
    let outcome = measure(&DatabaseUrl::Sqlite(folder.join("ostler.db")), count);
    std::fs::remove_dir_all(folder)?;
    outcome
}

fn measure(url: &DatabaseUrl, count: u64) -> Outcome<()> {
    let store = Store::open(url)?;
    store.migrate()?;
    let mut db = store.writer()?;
    let servers: Vec<ServerId> = (0..SERVERS).map(|_| ServerId::new()).collect();
    let began = Instant::now();
    let last = fill(&mut db, &servers, count)?;
    count_up(&mut db, &servers, count)?;
    println!("filled with {count} calls in {:.0?}", began.elapsed());

    let now = Timestamp::now().unix_minutes();
    let (from, until) = (Step::Hour.floor(now) - HOURS * 60, now + 1);
    let one = *servers.first().ok_or("no servers")?;
    let charts = [
        ("a month of everything by hours", CallScope::All),
        ("a month of one server by hours", CallScope::Servers(vec![one])),
        ("a month of one tool by hours", CallScope::Tool(one, "tool-3".into())),
        ("a month of ten servers by hours", CallScope::Servers(servers.iter().take(10).copied().collect())),
        ("a month of fifty servers by hours", CallScope::Servers(servers.clone())),
    ];
    for (name, scope) in &charts {
        timed(name, || Ok(rollups::series(&mut db, scope, Step::Hour, from, until)?.len()))?;
    }
    let page = PageRequest::default();
    let filters = [
        ("the newest calls of everything", CallFilter::default()),
        ("the newest failures of everything", CallFilter { success: Some(false), ..CallFilter::default() }),
        ("the newest calls of one tool", CallFilter { tool_name: Some("tool-3".into()), ..CallFilter::default() }),
        ("the calls of a tool nobody called", CallFilter { tool_name: Some("none".into()), ..CallFilter::default() }),
        ("the calls of somebody who made none", CallFilter { user_id: Some(UserId::new()), ..CallFilter::default() }),
    ];
    for (name, filter) in &filters {
        timed(name, || Ok(calls::list(&mut db, &servers, filter, &page)?.items.len()))?;
    }
    timed("one call by its id", || Ok(calls::find(&mut db, &servers, last)?.iter().count()))
}

/// Prints the median of eleven times.
fn timed(name: &str, mut work: impl FnMut() -> Outcome<usize>) -> Outcome<()> {
    let (mut times, mut rows) = (Vec::new(), 0);
    for _ in 0..11 {
        let began = Instant::now();
        rows = work()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    println!("{name}: {rows} rows in {:.2} ms", median.as_secs_f64() * 1000.0);
    Ok(())
}

/// Adds the calls, oldest first, and answers the last one's id.
fn fill(db: &mut Connection, servers: &[ServerId], count: u64) -> Outcome<CallId> {
    let json = |text: &str| RawValue::from_string(text.to_owned()).map(Arc::<RawValue>::from);
    let (parameters, response) =
        (json(r#"{"text":"hello"}"#)?, json(r#"{"content":[{"type":"text","text":"hello"}]}"#)?);
    let (begin, user) = (Timestamp::now().minus(Duration::from_secs(30 * 24 * 60 * 60)), UserId::new());
    let mut last = CallId::new();
    for group in 0..count.div_ceil(GROUP) {
        let calls = (group * GROUP..count.min((group + 1) * GROUP)).map(|n| {
            let at = usize::try_from(n).unwrap_or(0);
            last = CallId::new();
            ToolCall {
                id: last,
                server_id: servers.get(at % SERVERS).copied().unwrap_or_else(ServerId::new),
                user_id: user,
                tool_name: format!("tool-{}", at / SERVERS % TOOLS),
                parameters: Some(parameters.clone()),
                parameters_excerpt: None,
                response: Some(response.clone()),
                response_excerpt: None,
                success: n % 50 != 0,
                error_message: None,
                execution_time: i64::try_from(n % 900).unwrap_or(0),
                created_at: begin.plus(Duration::from_millis(30 * 24 * 60 * 60 * 1000 / count.max(1) * n)),
                waited: 0,
                trace_id: None,
            }
        });
        let calls: Vec<_> = calls.collect();
        db.transaction(|db| calls::insert(db, &calls))?;
    }
    Ok(last)
}

/// Adds what the recorder and the adding up would have made of them.
fn count_up(db: &mut Connection, servers: &[ServerId], count: u64) -> Outcome<()> {
    let rollup = |parts: usize| {
        let (mut rollup, calls) = (Rollup::default(), count * u64::try_from(parts).unwrap_or(1) / HOURS.unsigned_abs());
        (0..calls / 1000 + 1).for_each(|n| rollup.add(n % 50 != 0, i64::try_from(n * 7 % 900).unwrap_or(0)));
        rollup
    };
    let (part, of_server, of_all) = (rollup(1), rollup(TOOLS), rollup(TOOLS * SERVERS));
    let now = Step::Hour.floor(Timestamp::now().unix_minutes());
    let tools: Vec<String> = (0..TOOLS).map(|tool| format!("tool-{tool}")).chain([ALL.to_owned()]).collect();
    for hour in 0..=HOURS {
        let start = now - hour * 60;
        let parts = servers.iter().flat_map(|server| tools.iter().map(move |tool| (server.to_string(), tool.clone())));
        let keys: Vec<_> = parts
            .chain([(ALL.to_owned(), ALL.to_owned())])
            .map(|(server, tool)| RollupKey { server, tool, start })
            .collect();
        let of = |key: &RollupKey| match (&*key.server, &*key.tool) {
            (ALL, _) => &of_all,
            (_, ALL) => &of_server,
            _ => &part,
        };
        db.transaction(|db| rollups::put(db, Step::Hour, keys.iter().map(|key| (key, of(key)))))?;
    }
    Ok(rollups::set_mark(db, Step::Hour, now)?)
}
