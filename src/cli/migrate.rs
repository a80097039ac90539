//! `ostler migrate`: brings the database up to date without serving.

use std::io::{self, Write};

use ostler::store::Store;

use crate::cli::{failure::Failure, logging, sources::Loaded};

/// Runs what is missing and prints the names, one per line.
pub(crate) fn run(loaded: Loaded) -> Result<(), Failure> {
    logging::start(&loaded.config.log);
    let names = Store::open(&loaded.config.runtime.database)?.migrate()?;
    report(&names).map_err(|error| Failure::of("write to standard output", &error))
}

fn report(names: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for name in names {
        writeln!(out, "{name}")?;
    }
    if names.is_empty() {
        log::info!("the database is up to date");
    }
    out.flush()
}
