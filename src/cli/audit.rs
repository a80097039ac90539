//! `ostler audit verify`: whether the audit log is as it was written, without serving.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, ArgMatches, Command as Clap, value_parser};
use ostler::{Runtime, access::AuditVerdict, model::AuditLink, policy::audit_chain::heads_in};

use crate::cli::{failure::Failure, logging, sources::Loaded};

/// Flags that verifying reads.
pub(crate) const FLAGS: [&str; 7] =
    ["config", "database-url", "data-dir", "secret-key", "audit-head-file", "log", "log-format"];

/// The command and its flags, with those of the configuration.
pub(crate) fn definition(configuration: impl IntoIterator<Item = Arg>) -> Clap {
    let head = Arg::new("head")
        .long("head")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .action(ArgAction::Append)
        .help(
            "A copy of OSTLER_AUDIT_HEAD_FILE or of Ostler's log: the log must hold every head in it; may be repeated",
        );
    let verify = Clap::new("verify")
        .about("Verify that no entry was changed, removed or inserted; may run beside Ostler")
        .after_help("Exit codes: 0 verified, 1 not verified or failed. The other settings of `serve` are accepted and mean nothing here.")
        .arg(head)
        .args(configuration);
    Clap::new("audit").about("Verify the audit log").subcommand_required(true).subcommand(verify)
}

/// The files that `--head` names.
pub(crate) fn head_files(matches: &ArgMatches) -> Vec<PathBuf> {
    matches.get_many::<PathBuf>("head").into_iter().flatten().cloned().collect()
}

/// Verifies, and prints what was found.
pub(crate) fn verify(loaded: Loaded, files: &[PathBuf]) -> Result<(), Failure> {
    logging::start(&loaded.config.log);
    let settings = loaded.config.runtime;
    let heads: Result<Vec<_>, Failure> = files.iter().map(|path| heads_of(path)).collect();
    let verdict = actix::System::new().block_on(Runtime::verify_audit_log(&settings, heads?.concat()))?;
    if let (Some(problem), Some(place)) = (verdict.problem, &verdict.first_broken) {
        return Err(Failure::Failed(format!("the audit log is not as it was written: {place}: {problem}")));
    }
    report(&verdict).map_err(|error| Failure::of("write to standard output", &error))
}

fn heads_of(path: &Path) -> Result<Vec<AuditLink>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::of(&format!("read {}", path.display()), &error))?;
    let heads = heads_in(&text);
    if heads.is_empty() {
        return Err(Failure::Misconfigured(format!("{} has no head of an audit log", path.display())));
    }
    Ok(heads)
}

fn report(verdict: &AuditVerdict) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "verified: {} entries", verdict.entries)?;
    if verdict.removed_by_retention > 0 {
        let until = verdict.removed_until.map(|until| format!(", until {until}")).unwrap_or_default();
        writeln!(out, "removed by retention: {}{until}", verdict.removed_by_retention)?;
    }
    if verdict.unkeyed > 0 {
        writeln!(out, "from before there was a key: {}", verdict.unkeyed)?;
    }
    if let Some(head) = &verdict.head {
        writeln!(out, "head: {head}")?;
    }
    out.flush()
}
