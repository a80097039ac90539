//! Lifecycle: takes MCP servers through a script of their life, and reports each step.
//!
//! Run it with `cargo run --example lifecycle examples/lifecycle/crash_and_recover.toml`, or with a script of your own
//! in your own CI. It needs nothing else: a script may use the library's demo server, and all data are in a temporary
//! folder.

mod expectation;
mod interrupt;
mod load;
mod processes;
mod report;
mod script;
mod stage;

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use ostler::demo_server;

use interrupt::Interrupt;
use report::Report;
use script::{Places, Script};
use stage::Stage;

/// The script or the command line is at fault (`EX_USAGE`), not a server.
const BAD_USAGE: u8 = 64;

/// Takes MCP servers through a script of their life: a line for each step, and exit code 1 where one fails.
#[derive(Parser)]
#[command(name = "lifecycle", after_help = STEPS)]
struct Arguments {
    /// The script, in TOML.
    file: PathBuf,
    /// Also writes the report to this file, as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

const STEPS: &str = "\
Each step is a table [[step]] with `do` and its keys:

  register    name, command, args, env, …: as the body of POST /api/mcp
  wait        status: running, restarting, stopped or failed
  call        tool, arguments; expect.text (part of the answer), expect.json (equals the
              structured answer), expect.error (code of the failure)
  crash       kills the process, or calls a `tool` (with `arguments`) that ends it
  recover     waits until another process is ready
  update      any of command, args, env; waits until a process with them has taken over
  load        has `callers` (8) call a `tool` (with `arguments`) over and over
  drain       ends the load; fails if a call of it did
  stop        stops the server
  no_process  sees that no process of the server is left

A step is about the server that was registered last, unless it has `server`. All but
register and load take `within`, in seconds (30). In every text, ${NAME} is a variable of
the environment; ${FOLDER} is a folder of this run alone, and ${PROGRAM} this program,
which is a demo server by the argument \"demo-server\". A server runs in a folder of its
own, or in its `cwd`.

At the end everything is stopped, and no process may be left. Ctrl-C fails the step at hand.

Exit codes: 0 every step passed; 1 a step failed; 64 bad usage or script.";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // This program is its own MCP server as well.
    if env::args().nth(1).as_deref() == Some("demo-server") {
        return Ok(demo_server::run(&demo_server::Options::default()));
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            error.print()?;
            return Ok(ExitCode::from(if error.use_stderr() { BAD_USAGE } else { 0 }));
        }
    };
    let folder = env::temp_dir().join(format!("ostler-lifecycle-{}", std::process::id()));
    // Beside the data, which Ostler hides from servers.
    let files = folder.join("files");
    let places = Places { folder: files.clone(), program: env::current_exe()? };
    let script = match Script::read(&arguments.file, &places) {
        Ok(script) => script,
        Err(faults) => {
            eprintln!("{faults}");
            return Ok(ExitCode::from(BAD_USAGE));
        }
    };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio.block_on(async {
        let interrupt = Interrupt::listen()?;
        fs::create_dir_all(files)?;
        let outcome = play(script, &folder.join("data"), arguments.junit.as_deref(), interrupt).await;
        fs::remove_dir_all(&folder)?;
        outcome
    })
}

async fn play(
    script: Script,
    data: &Path,
    junit: Option<&Path>,
    mut interrupt: Interrupt,
) -> Result<ExitCode, Box<dyn Error>> {
    let mut report = Report::of(&script.file);
    let mut stage = Stage::set(data).await?;
    for step in &script.steps {
        report.step(step, interrupt.cut_short(stage.carry_out(step))).await;
    }
    report.end(stage.strike()).await;
    report.sum();
    if let Some(file) = junit {
        fs::write(file, report.junit()).map_err(|error| format!("--junit {}: {error}", file.display()))?;
    }
    Ok(if report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
