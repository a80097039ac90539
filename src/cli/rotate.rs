//! `ostler secrets rotate`: replaces the secret key of an installation that is not running.

use std::io::{self, BufRead, IsTerminal, Write};

use ostler::{
    runtime::{self, KeyRotation},
    secrecy::SecretString,
};

use crate::cli::{failure::Failure, logging, sources::Loaded};

/// Replaces the key, and says what was done.
pub(crate) fn run(loaded: Loaded) -> Result<(), Failure> {
    logging::start(&loaded.config.log);
    let settings = loaded.config.runtime;
    let given = settings.secret_key.is_some().then(read_key).transpose()?;
    let rotation = runtime::rotate_key(&settings, given.as_ref())?;
    report(&rotation, given.is_some()).map_err(|error| Failure::of("write to standard output", &error))
}

/// Reads the new key, one line, from standard input: flags are in process lists.
fn read_key() -> Result<SecretString, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let text = "give the new OSTLER_SECRET_KEY on standard input, and keep it: \
                    openssl rand -base64 32 | tee new.key | ostler secrets rotate";
        return Err(Failure::Misconfigured(text.into()));
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(|error| Failure::of("read the new key", &error))?;
    Ok(line.trim().into())
}

fn report(KeyRotation { sealed, linked, head, .. }: &KeyRotation, is_given: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "the secret key is another: {sealed} sealed with it, {linked} audit entries linked with it")?;
    writeln!(out, "audit log head: {head}")?;
    if is_given {
        writeln!(out, "set OSTLER_SECRET_KEY to the new key before the next start")?;
    }
    out.flush()
}
