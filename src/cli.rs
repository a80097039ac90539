//! The command line: what it says is configured here, run in one file per command, and answered with an exit code.
//!
//! 0: done, or asked to stop. 1: failed. 64: bad usage or configuration; nothing was started.

mod add;
mod audit;
mod catalogue;
mod check_config;
mod client_config;
mod command_line;
mod config;
mod connect;
mod doctor;
mod environment;
mod failure;
mod fault;
mod file;
mod logging;
mod migrate;
mod package_archives;
mod packages;
mod place;
mod process;
mod raw_setting;
mod report;
mod rotate;
mod running;
mod serve;
mod service_manager;
mod settings;
mod show;
mod signals;
mod sources;
mod standard_error;
mod suggest;
mod templates;
mod transfer;
mod value;

use std::process::ExitCode;

use ostler::demo_server;

use command_line::{Command, Invocation};
use failure::Failure;
use fault::SettingFault;
use sources::{Loaded, Sources};
use standard_error::complain;

/// Exit code for bad usage or configuration: `EX_USAGE` of `sysexits.h`.
const BAD_USAGE: u8 = 64;

/// Runs the command that the process was started with.
pub(crate) fn main() -> ExitCode {
    match command_line::parse(std::env::args_os()) {
        Ok(Command::DemoServer(options)) => demo_server::run(&options),
        Ok(Command::Connect(place)) => finish(connect::run(&place)),
        Ok(Command::ClientConfig(options)) => finish(client_config::run(&options)),
        Ok(Command::Import(options)) => finish(transfer::import(&options)),
        Ok(Command::Catalogue(options)) => finish(catalogue::run(&options)),
        Ok(Command::Add(options)) => finish(add::run(&options)),
        Ok(Command::Templates(options)) => finish(templates::run(&options)),
        Ok(Command::Export(options)) => finish(transfer::export(&options)),
        Ok(Command::Packages(options)) => finish(packages::run(&options)),
        Ok(Command::PackageArchive(invocation, options)) => {
            configured(invocation, |loaded| package_archives::run(&loaded, &options))
        }
        Ok(Command::Serve(invocation)) => configured(invocation, serve::run),
        Ok(Command::Migrate(invocation)) => configured(invocation, migrate::run),
        Ok(Command::RotateKey(invocation)) => configured(invocation, rotate::run),
        Ok(Command::CheckConfig(invocation)) => configured(invocation, check_config::run),
        Ok(Command::Doctor { invocation, json }) => configured(invocation, |loaded| doctor::run(&loaded, json)),
        Ok(Command::VerifyAudit(invocation, heads)) => configured(invocation, |loaded| audit::verify(loaded, &heads)),
        Err(answer) => {
            // A failure to print is ignored: there is no other place to report it.
            let _ = answer.print();
            if answer.use_stderr() { ExitCode::from(BAD_USAGE) } else { ExitCode::SUCCESS }
        }
    }
}

/// Runs `command` on a configuration without faults; lists all of them otherwise.
fn configured(invocation: Invocation, command: impl FnOnce(Loaded) -> Result<(), Failure>) -> ExitCode {
    let environment = std::env::vars_os().collect();
    let sources = Sources { file: invocation.file, environment, flags: invocation.flags };
    match sources::load(sources) {
        Ok(loaded) => finish(command(loaded)),
        Err(faults) => {
            list(&faults);
            ExitCode::from(BAD_USAGE)
        }
    }
}

/// Turns the end of a command into an exit code, and says on one line why it failed.
fn finish(outcome: Result<(), Failure>) -> ExitCode {
    logging::finish();
    let (reason, code) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Failed(reason)) => (reason, ExitCode::FAILURE),
        Err(Failure::Misconfigured(reason)) => (reason, ExitCode::from(BAD_USAGE)),
    };
    complain(&format!("ostler: {}\n", logging::one_line(&reason)));
    code
}

/// Lists faults on standard error, one per line.
fn list(faults: &[SettingFault]) {
    let mut text = match faults.len() {
        1 => "ostler: 1 fault in the configuration; nothing was started\n".to_owned(),
        many => format!("ostler: {many} faults in the configuration; nothing was started\n"),
    };
    for fault in faults {
        text.push_str(&format!("  {}\n", logging::one_line(&fault.to_string())));
    }
    complain(&text);
}
