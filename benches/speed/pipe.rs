//! An MCP server on bare pipes: what a call costs with nothing in between.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use memchr::memmem;
use tokio::time::Instant;

use crate::{Outcome, table::Sample};

const GREETING: &str = concat!(
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"#,
    r#""clientInfo":{"name":"speed","version":"1"}}}"#,
    "\n",
);
const GREETED: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";
const LIST: &str = "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"tools/list\"}\n";

/// A server that has been greeted.
pub struct Pipe {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next: u64,
    /// How long it took from spawn to its list of tools.
    pub start: Duration,
}

impl Pipe {
    pub fn open(program: &Path) -> Outcome<Self> {
        let begun = Instant::now();
        let mut process =
            Command::new(program).arg("demo-server").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = process.stdin.take().ok_or("no standard input")?;
        let output = BufReader::with_capacity(64 << 10, process.stdout.take().ok_or("no standard output")?);
        let mut pipe = Self { process, input, output, next: 1, start: Duration::ZERO };
        pipe.say(GREETING)?;
        pipe.hear()?;
        pipe.say(GREETED)?;
        pipe.say(LIST)?;
        pipe.hear()?;
        pipe.start = begun.elapsed();
        Ok(pipe)
    }

    /// Keeps `in_flight` calls of `echo` in flight; those that can go together are written together.
    pub fn run(&mut self, in_flight: usize, span: Duration) -> Outcome<Sample> {
        let start = Instant::now();
        let (mut under_way, mut taken, mut room) = (HashMap::new(), Vec::new(), in_flight);
        loop {
            let now = Instant::now();
            if now - start > span {
                break;
            }
            let mut lines = String::new();
            for id in self.next..self.next + room as u64 {
                under_way.insert(id, now);
                lines.push_str(&call(id));
            }
            self.next += room as u64;
            self.say(&lines)?;
            room = self.settle(&mut under_way, &mut taken)?;
        }
        while !under_way.is_empty() {
            self.settle(&mut under_way, &mut Vec::new())?;
        }
        Ok(Sample::of(taken, span))
    }

    /// Takes in the answers that are there, at least one, and says how many.
    fn settle(&mut self, under_way: &mut HashMap<u64, Instant>, taken: &mut Vec<Duration>) -> Outcome<usize> {
        let mut settled = 0;
        while settled == 0 || memchr::memchr(b'\n', self.output.buffer()).is_some() {
            let line = self.hear()?;
            let id = answered(&line).ok_or_else(|| format!("wrong answer: {line}"))?;
            taken.push(under_way.remove(&id).ok_or("an answer came twice")?.elapsed());
            settled += 1;
        }
        Ok(settled)
    }

    fn say(&mut self, lines: &str) -> Outcome<()> {
        Ok(self.input.write_all(lines.as_bytes())?)
    }

    fn hear(&mut self) -> Outcome<String> {
        let mut line = String::new();
        match self.output.read_line(&mut line)? {
            0 => Err("the server ended".into()),
            _ => Ok(line),
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn call(id: u64) -> String {
    let params = format!(r#"{{"name":"echo","arguments":{{"text":"token-{id:011}"}}}}"#);
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{params}}}\n")
}

/// The id of an answer that holds its token.
fn answered(line: &str) -> Option<u64> {
    let at = memmem::find(line.as_bytes(), b"token-")?;
    let id: u64 = line.get(at + 6..at + 17)?.parse().ok()?;
    line.contains(&format!("\"id\":{id},")).then_some(id)
}
