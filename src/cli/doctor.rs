//! `ostler doctor`: what this machine and this configuration offer, why not more, and what to do about it.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
};

use clap::{Arg, ArgAction, Command as Clap};
use ostler::{
    model::{Facility, FacilityState, Machine},
    policy::facilities,
    store::{DatabaseUrl, Store},
    supervisor::facilities::{probe, version_of},
};
use rustix::fs::{Access, access};

use crate::cli::{config::Config, failure::Failure, logging::one_line, sources::Loaded};

/// Programs that servers are commonly run by, and what brings each.
const LAUNCHERS: [(&str, &str); 3] = [
    ("node", "install Node.js, for servers written in JavaScript"),
    ("npx", "install npm, for servers from npm"),
    ("uvx", "install uv, for servers from PyPI"),
];

/// Words about a file or folder that the first start makes.
const TO_BE_MADE: &str = ", which will be made";

/// The command, without the flags that configure.
pub(crate) fn definition() -> Clap {
    Clap::new("doctor")
        .about("Show what this machine offers to contain and run servers, and what to do about the rest")
        .after_help("Exit code 1 where something is missing that Ostler needs.")
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON"))
}

/// Tries everything and prints what was found; fails where something is missing that Ostler needs.
pub(crate) fn run(loaded: &Loaded, as_json: bool) -> Result<(), Failure> {
    let config = &loaded.config;
    let guard = config.runtime.guard.clone().unwrap_or_else(ostler::supervisor::this_program);
    let mut machine = facilities::judge(&probe(&guard, config.runtime.servers_user.as_deref()));
    machine.facilities.extend(checks(config));
    let mut out = io::stdout().lock();
    let printed = if as_json { print_json(&machine, &mut out) } else { print(&machine, &mut out) };
    printed.map_err(|error| Failure::of("write to standard output", &error))?;
    let is_needed = |facility: &&Facility| facility.required && facility.state == FacilityState::Missing;
    match machine.facilities.iter().filter(is_needed).map(|facility| facility.name).collect::<Vec<_>>() {
        missing if missing.is_empty() => Ok(()),
        missing => Err(Failure::Failed(format!("needed and missing: {}", missing.join(", ")))),
    }
}

fn print_json(machine: &Machine, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, machine)?;
    writeln!(out)
}

fn print(machine: &Machine, out: &mut impl Write) -> io::Result<()> {
    for facility in &machine.facilities {
        let Facility { name, state, found, reason, fix, .. } = facility;
        writeln!(out, "{:10}{name:14}{}", word(*state), one_line(found))?;
        for (label, text) in [("", reason), ("to do: ", fix)] {
            if let Some(text) = text {
                writeln!(out, "{:24}{label}{}", "", one_line(text))?;
            }
        }
    }
    for (level, state) in [("standard", machine.standard), ("strict", machine.strict)] {
        writeln!(out, "{:10}containment of level {level}", word(state))?;
    }
    Ok(())
}

fn word(state: FacilityState) -> &'static str {
    let words = [(FacilityState::Ok, "ok"), (FacilityState::Degraded, "degraded")];
    words.into_iter().find(|(of, _)| *of == state).map_or("missing", |(_, word)| word)
}

/// Checks of the configuration, and of the programs that servers need.
fn checks(config: &Config) -> Vec<Facility> {
    let runs = is_running(&config.runtime.data_dir);
    let mut checks = vec![folder(&config.runtime.data_dir, runs)];
    if runs {
        let by_it = |name| Facility::ok(name, "used by the Ostler that runs").required();
        checks.extend([by_it("port"), by_it("database")]);
    } else {
        checks.extend([port(SocketAddr::new(config.http.host, config.http.port)), database(&config.runtime.database)]);
    }
    checks.extend(LAUNCHERS.map(|(name, fix)| match version_of(name) {
        Ok(version) => Facility::ok(name, version),
        Err(why) => Facility::ok(name, "none").but(FacilityState::Missing, why, fix),
    }));
    checks
}

/// True where an Ostler holds the lock of the data folder.
fn is_running(dir: &Path) -> bool {
    let lock = File::open(dir.join("ostler.lock"));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}

fn folder(dir: &Path, runs: bool) -> Facility {
    let named = |more: &str| Facility::ok("data-folder", format!("{}{more}", dir.display())).required();
    if runs {
        return named(", used by the Ostler that runs");
    }
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let Some(there) = whole.ancestors().find(|folder| folder.exists()) else { return named("") };
    match access(there, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) if there == whole => named(""),
        Ok(()) => named(TO_BE_MADE),
        Err(error) => {
            let why = format!("this user may not write to {}: {error}", there.display());
            let fix = "give the folder to the user of Ostler, or choose another with --data-dir or OSTLER_DATA_DIR";
            named("").but(FacilityState::Missing, why, fix)
        }
    }
}

fn port(address: SocketAddr) -> Facility {
    let found = Facility::ok("port", address.to_string()).required();
    match TcpListener::bind(address) {
        Ok(_) => found,
        Err(error) => {
            let fix = if error.kind() == ErrorKind::AddrInUse {
                "stop the program that has it, or choose another with --port or OSTLER_PORT"
            } else {
                "choose another with --host and --port, or OSTLER_HOST and OSTLER_PORT"
            };
            found.but(FacilityState::Missing, format!("Ostler cannot listen there: {error}"), fix)
        }
    }
}

/// The database, which is not made where there is none yet.
fn database(url: &DatabaseUrl) -> Facility {
    let named = |more: &str| Facility::ok("database", format!("{url}{more}")).required();
    if url.is_missing() {
        return named(TO_BE_MADE);
    }
    match Store::open(url) {
        Ok(_) => named(""),
        Err(error) => {
            let cause = if let ostler::Error::Internal(cause) = &error { cause.clone() } else { error.to_string() };
            named("").but(FacilityState::Missing, cause, "see the reason, and DATABASE_URL")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_has_a_line_and_then_its_reason_and_its_fix() {
        let node = Facility::ok("node", "none").but(FacilityState::Missing, "it is not\non PATH", "install it");
        let mut machine = facilities::judge(&probe(Path::new("/no/such/guard"), None));
        machine.facilities = vec![Facility::ok("port", "127.0.0.1:1"), node];
        let mut out = Vec::new();
        print(&machine, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let begin = "ok        port          127.0.0.1:1\nmissing   node          none\n";
        assert!(text.starts_with(begin), "{text}");
        assert!(text.contains("\n                        to do: install it\n") && !text.contains("not\non"), "{text}");
        assert!(text.contains("containment of level standard\n"), "{text}");
    }

    #[test]
    fn a_port_that_is_taken_and_a_folder_that_cannot_be_made_are_missing() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let refused = port(taken.local_addr().unwrap());
        assert!(refused.state == FacilityState::Missing && refused.required, "{refused:?}");
        assert!(refused.fix.unwrap().contains("--port"));
        assert_eq!(folder(Path::new("/dev/null/folder"), false).state, FacilityState::Missing);
        assert_eq!(folder(Path::new("/dev/null/folder"), true).state, FacilityState::Ok);
    }
}
