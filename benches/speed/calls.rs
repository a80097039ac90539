//! Calls of a tool, beside what they are made of: HTTP, a pipe, a durable row. Interleaved, so that all see the same
//! machine.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;

use crate::{
    Outcome,
    floors::{Bare, Blocks, Rows},
    load::{self, Connection, Request, TOKEN, Until},
    ostler::{Folder, Ostler, PROGRAM},
    pipe::Pipe,
    plan::Plan,
    support,
    table::{Sample, Table, median},
};

const IN_FLIGHT: [usize; 3] = [1, 16, 64];

/// Least share of the bare handler's calls a second, at 64 in flight.
const LEAST_SHARE: f64 = 0.35;
/// Most that a call may take at 1 in flight, as a multiple of its parts.
const MOST_TIMES: f64 = 1.3;

/// A database, Ostler on it, and an empty one beside it.
struct Backend {
    name: &'static str,
    commits: Rows,
    ostler: Ostler,
    /// Outlives what runs in it.
    _folder: Folder,
    request: Request,
    calls: [Vec<Cell>; 3],
    rows: Vec<Sample>,
}

/// Calls over HTTP in one round.
#[derive(Clone, Copy)]
struct Cell {
    sample: Sample,
    /// Processor time that a call took of who answered it.
    processor: Duration,
}

/// Whose processor time a call takes.
#[derive(Clone, Copy)]
enum Who {
    /// Another process.
    Process(u32),
    /// The threads of this one but for the first, which is the load.
    OurThreads,
}

/// Everything that is measured once a round.
struct Bench {
    bare: Bare,
    request: Request,
    pipe: Pipe,
    blocks: Blocks,
    _folder: Folder,
    /// A tool's result, as recorded.
    result: String,
    backends: Vec<Backend>,
    http: [Vec<Cell>; 3],
    pipes: [Vec<Sample>; 2],
    writes: Vec<Sample>,
}

pub async fn measure(plan: &Plan, table: &mut Table) -> Outcome<()> {
    let mut bench = Bench::prepare(plan).await?;
    for round in 1..=plan.rounds {
        eprintln!("  round {round} of {}", plan.rounds);
        bench.round(plan.span).await?;
    }
    bench.report(table);
    bench.bare.stop().await;
    Ok(())
}

impl Backend {
    /// Starts on a database; a second one, empty, is for commits.
    async fn start(name: &'static str, folder: Folder, urls: [String; 2], workers: usize) -> Outcome<Self> {
        let commits = Rows::open(&urls[1])?;
        let ostler = Ostler::start(&folder, &urls[0], workers).await?;
        let server = ostler.register("echo", true).await?;
        ostler.ready(&server).await?;
        let request = ostler.call(&server);
        Ok(Self { name, commits, ostler, _folder: folder, request, calls: Default::default(), rows: Vec::new() })
    }
}

impl Bench {
    async fn prepare(plan: &Plan) -> Outcome<Self> {
        let folder = Folder::new()?;
        let urls = [folder.database("ostler.db"), folder.database("floor.db")];
        let sqlite = Backend::start("SQLite", folder, urls, plan.workers).await?;
        let (length, result) = one_call(&sqlite).await?;
        let body = format!(r#"{{"toolName":"echo","parameters":{{"text":"{TOKEN}"}}}}"#);
        let mut backends = vec![sqlite];
        if let Some(urls) = postgres() {
            backends.push(Backend::start("PostgreSQL", Folder::new()?, urls, plan.workers).await?);
        }
        let folder = Folder::new()?;
        Ok(Self {
            bare: Bare::serve(plan.workers, length)?,
            request: Request::new("POST", "/api/mcp/none/execute", &backends[0].ostler.key, &body),
            pipe: Pipe::open(PROGRAM.as_ref())?,
            blocks: Blocks::create(folder.path())?,
            _folder: folder,
            result,
            backends,
            http: Default::default(),
            pipes: Default::default(),
            writes: Vec::new(),
        })
    }

    /// What is compared is measured side by side: the machine may be another a second later.
    async fn round(&mut self, span: Duration) -> Outcome<()> {
        self.writes.push(self.blocks.run(span)?);
        self.pipes[0].push(self.pipe.run(1, span)?);
        for backend in &mut self.backends {
            backend.rows.push(backend.commits.run(span, &self.result)?);
        }
        for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
            let bare = cell(Who::OurThreads, self.bare.address, &self.request, in_flight, span);
            self.http[at].push(bare.await?);
            for backend in &mut self.backends {
                let ostler = &backend.ostler;
                let calls = cell(Who::Process(ostler.pid()), ostler.address, &backend.request, in_flight, span);
                backend.calls[at].push(calls.await?);
            }
        }
        self.pipes[1].push(self.pipe.run(64, span)?);
        Ok(())
    }

    fn report(&self, table: &mut Table) {
        let mut add = |what: &str, in_flight, rounds: &[Sample], means: String| {
            table.add_calls(what, in_flight, Sample::median(rounds), means);
        };
        for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
            let cells = &self.http[at];
            add("HTTP floor: bare actix-web handler", in_flight, &samples(cells), processor(cells));
        }
        add("pipe floor: `ostler demo-server`, no HTTP", 1, &self.pipes[0], String::new());
        add("pipe floor: `ostler demo-server`, no HTTP", 64, &self.pipes[1], String::new());
        add("disk floor: fdatasync of 4 KiB", 1, &self.writes, String::new());
        for Backend { name, rows, .. } in &self.backends {
            add(&format!("commit floor: one row, {name}"), 1, rows, String::new());
        }
        for backend in &self.backends {
            for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
                let what = format!("`/execute`: key checked, call recorded, {}", backend.name);
                let cells = &backend.calls[at];
                let means = format!("{}; {}", processor(cells), self.means(backend, at));
                add(&what, in_flight, &samples(cells), means);
            }
        }
    }

    /// What a row means, next to the floors of the same rounds.
    fn means(&self, backend: &Backend, at: usize) -> String {
        let rounds = backend.calls[at].iter().zip(&self.http[at]);
        let share = median(rounds.map(|(calls, http)| calls.sample.per_second / http.sample.per_second));
        let share = match IN_FLIGHT[at] {
            64 => format!("{share:.2} of the HTTP floor (aim: at least {LEAST_SHARE})"),
            _ => format!("{share:.2} of the HTTP floor"),
        };
        if at > 0 {
            return share;
        }
        let http = samples(&self.http[0]);
        let parts = [&http, &self.pipes[0], &backend.rows];
        let times = median(backend.calls[0].iter().enumerate().map(|(round, calls)| {
            let sum: Duration = parts.iter().filter_map(|part| part.get(round)).map(|sample| sample.p50).sum();
            calls.sample.p50.as_secs_f64() / sum.as_secs_f64()
        }));
        format!("{share}; p50 {times:.2} × HTTP + pipe + commit (aim: at most {MOST_TIMES})")
    }
}

/// Makes calls, and looks at the processor time of who answers them.
async fn cell(
    who: Who,
    address: std::net::SocketAddr,
    request: &Request,
    in_flight: usize,
    span: Duration,
) -> Outcome<Cell> {
    let before = used(who)?;
    let run = load::run(address, request, in_flight, Until::Passed(span)).await?;
    let used = used(who)?.saturating_sub(before);
    Ok(Cell { sample: run.sample, processor: used.div_f64(run.made.max(1) as f64) })
}

fn samples(cells: &[Cell]) -> Vec<Sample> {
    cells.iter().map(|cell| cell.sample).collect()
}

fn processor(cells: &[Cell]) -> String {
    let each = median(cells.iter().map(|cell| cell.processor.as_secs_f64()));
    format!("{:.1} µs of processor a call", each * 1e6)
}

/// Processor time used so far.
fn used(who: Who) -> Outcome<Duration> {
    let (pid, without) = match who {
        Who::Process(pid) => (pid, None),
        Who::OurThreads => (std::process::id(), Some(std::process::id().to_string())),
    };
    let threads = fs::read_dir(format!("/proc/{pid}/task"))?.flatten();
    let threads = threads.filter(|thread| thread.file_name().to_str() != without.as_deref());
    Ok(threads.filter_map(|thread| time_of(&thread.path())).sum())
}

/// Of a thread; `None` where it has just ended.
fn time_of(thread: &Path) -> Option<Duration> {
    let schedule = fs::read_to_string(thread.join("schedstat")).ok()?;
    schedule.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// How long an answer is, and the tool's result in it.
async fn one_call(backend: &Backend) -> Outcome<(usize, String)> {
    let mut connection = Connection::open(backend.ostler.address).await?;
    let answer = connection.ask(&backend.request).await?;
    let json: Value = serde_json::from_slice(answer.body)?;
    Ok((answer.body.len(), json["result"].to_string()))
}

/// Two empty databases, where there is a server.
#[cfg(feature = "postgres")]
fn postgres() -> Option<[String; 2]> {
    Some([support::postgres::database()?, support::postgres::database()?])
}

#[cfg(not(feature = "postgres"))]
fn postgres() -> Option<[String; 2]> {
    support::absent("this was built without PostgreSQL");
    None
}
