//! What Ostler holds: memory, descriptors and threads, idle and after many calls.

use std::{fs, time::Duration};

use tokio::time::sleep;

use crate::{
    Outcome,
    load::{self, Until},
    ostler::{Folder, Ostler},
    plan::Plan,
    table::Table,
};

const SERVERS: usize = 10;
const IN_FLIGHT: usize = 64;
/// Threads that wait for blocking work end after ten seconds, and what a login took goes back with them.
pub const QUIET: Duration = Duration::from_secs(12);

pub async fn measure(plan: &Plan, table: &mut Table) -> Outcome<()> {
    let folder = Folder::new()?;
    let ostler = Ostler::start(&folder, &folder.database("ostler.db"), plan.workers).await?;
    let pid = ostler.pid();
    settle(pid).await?;
    let descriptors = count(pid, "fd")?;
    let mut servers = Vec::new();
    for number in 0..SERVERS {
        servers.push(ostler.register(&format!("server {number}"), true).await?);
    }
    ostler.all_ready(SERVERS).await?;
    sleep(QUIET).await;
    let idle = resident(pid)?;
    let per_server = (count(pid, "fd")? as f64 - descriptors as f64) / SERVERS as f64;
    table.add_figure(
        format!("idle with {SERVERS} servers: resident"),
        format!("{} (aim: under 40 MB)", megabytes(idle)),
    );
    table.add_figure("idle: threads", count(pid, "task")?.to_string());
    table.add_figure("idle: descriptors for each server", format!("{per_server:.1} (aim: at most 4)"));
    let guards = guards(pid)?;
    let private: u64 = guards.iter().sum();
    let each = private / (guards.len() as u64).max(1);
    table.add_figure("idle: each server's guard, private memory", megabytes(each));

    let (early, late) = plan.calls;
    let server = &servers[0];
    for (made, calls) in [(early, early), (late, late - early)] {
        load::run(ostler.address, &ostler.call(server), IN_FLIGHT, Until::Made(calls)).await?;
        settle(pid).await?;
        table.add_figure(format!("after {made} calls: resident"), megabytes(resident(pid)?));
    }
    Ok(())
}

/// Waits until memory no longer changes, for a while at most.
async fn settle(pid: u32) -> Outcome<()> {
    let mut before = 0;
    for _ in 0..20 {
        sleep(Duration::from_millis(200)).await;
        let now = resident(pid)?;
        if now == before {
            break;
        }
        before = now;
    }
    Ok(())
}

/// Resident memory in bytes.
pub fn resident(pid: u32) -> Outcome<u64> {
    figure(&fs::read_to_string(format!("/proc/{pid}/status"))?, "VmRSS:")
}

/// What each guard below this process has for itself, in bytes.
fn guards(pid: u32) -> Outcome<Vec<u64>> {
    let children = fs::read_dir(format!("/proc/{pid}/task"))?.flatten().map(|task| task.path().join("children"));
    let children: Vec<_> = children.filter_map(|path| fs::read_to_string(path).ok()).collect();
    let private = |child: &str| {
        let map = fs::read_to_string(format!("/proc/{child}/smaps_rollup"))?;
        Ok(figure(&map, "Private_Clean:")? + figure(&map, "Private_Dirty:")?)
    };
    children.iter().flat_map(|line| line.split_whitespace()).map(private).collect()
}

/// The figure after a name, where it is given in kB.
fn figure(page: &str, name: &str) -> Outcome<u64> {
    let line = page.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(|| format!("no {name}"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

fn count(pid: u32, what: &str) -> Outcome<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/{what}"))?.count())
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
