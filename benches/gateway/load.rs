//! Workloads, and one measurement of one of them.

use std::{process::Command, time::Duration};

use crate::{Outcome, peers::Peer, pinned, process::Folder};

/// Connections at once.
const CONNECTIONS: [usize; 3] = [1, 32, 256];

/// What is asked for, on how many connections.
pub struct Load {
    what: &'static str,
    path: &'static str,
    script: Option<String>,
    pub connections: usize,
}

/// What one measurement found.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Requests that were served.
    pub per_second: f64,
    /// The share of those that were not.
    pub refused: f64,
    pub p50: Duration,
    pub p99: Duration,
    /// Time on a processor a request; zero where there is no proxy.
    pub cpu: Duration,
    pub resident: u64,
}

impl Load {
    /// Every workload.
    pub fn all(folder: &Folder) -> Outcome<Vec<Self>> {
        let post = "wrk.method = \"POST\"\nwrk.body = string.rep(\"x\", 10240)\n";
        let post = folder.write("post.lua", post)?;
        let kinds = [("100 B", "/100", None), ("64 KiB", "/64k", None), ("10 KiB POST", "/echo", Some(post))];
        let of = |(what, path, script): (&'static str, &'static str, Option<String>)| {
            CONNECTIONS.map(|connections| Self { what, path, script: script.clone(), connections })
        };
        Ok(kinds.into_iter().flat_map(of).collect())
    }

    pub fn name(&self) -> String {
        format!("{}, {} connection{}", self.what, self.connections, if self.connections == 1 { "" } else { "s" })
    }

    /// Sends it through `peer` for so long.
    pub fn run(&self, peer: &Peer, seconds: usize) -> Outcome<Sample> {
        let mut command: Command = pinned(1, "wrk");
        command.args(["-t1", "--latency", "--timeout", "10s"]);
        command.arg(format!("-c{}", self.connections)).arg(format!("-d{seconds}s"));
        if let Some(script) = &self.script {
            command.args(["-s", script]);
        }
        let before = peer.cpu();
        let output = command.arg(format!("http://{}{}", peer.address, self.path)).output()?;
        let spent = peer.cpu().saturating_sub(before);
        let text = String::from_utf8_lossy(&output.stdout);
        if text.contains("Socket errors") || !output.status.success() {
            return Err(format!("{} through {}: {text}", self.name(), peer.name).into());
        }
        let after = |mark: &str| text.split(mark).nth(1).and_then(|rest| rest.split_whitespace().next());
        let quantile = |share: &str| {
            let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            let found =
                words.into_iter().find_map(|words| (words.first() == Some(&share)).then(|| words.get(1).copied()));
            time(found.flatten().ok_or("no quantile")?)
        };
        let requests = text.lines().find(|line| line.contains(" requests in ")).ok_or("no count of requests")?;
        let requests: u32 = requests.split_whitespace().next().unwrap_or_default().parse()?;
        let refused: u32 = after("Non-2xx or 3xx responses:").map_or(Ok(0), str::parse)?;
        let per_second: f64 = after("Requests/sec:").ok_or("no rate")?.parse()?;
        let served = 1.0 - f64::from(refused) / f64::from(requests.max(1));
        Ok(Sample {
            per_second: per_second * served,
            refused: 1.0 - served,
            p50: quantile("50%")?,
            p99: quantile("99%")?,
            cpu: spent.checked_div(requests).unwrap_or_default(),
            resident: peer.resident(),
        })
    }
}

/// As wrk writes it: `12.34ms`.
fn time(text: &str) -> Outcome<Duration> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0)];
    let found = units.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?.parse::<f64>().ok()?, size)));
    let (number, size) = found.ok_or_else(|| format!("no time: {text}"))?;
    Ok(Duration::from_secs_f64(number * size))
}
