//! [`SecretSources`]: sources of secrets outside of Ostler that its operator allows.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::policy::external::{self, ExternalReference};

/// Beginnings of the names of Ostler's own variables, some of which are secret.
const OWN_VARIABLES: [&str; 3] = ["DATABASE_URL", "OSTLER_", "OTEL_"];

/// Folders in which nothing is a file of secrets, and of which some are Ostler's own memory.
const KERNEL_FOLDERS: [&str; 3] = ["/dev", "/proc", "/sys"];

/// Sources of secrets outside of Ostler; none by default, but for the credentials of its unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretSources {
    /// Folders whose files `${file:…}` may name.
    pub folders: Vec<PathBuf>,
    /// Variables of Ostler's environment that `${env:…}` may name.
    pub variables: Vec<String>,
    /// Programs with their arguments, by the names that `${exec:…}` has for them.
    pub commands: BTreeMap<String, Vec<String>>,
}

impl SecretSources {
    /// The reason why a reference cannot be followed, and what to do about it; `None` where it may be.
    pub(crate) fn refusal(&self, reference: &ExternalReference) -> Option<String> {
        match reference {
            ExternalReference::File(path) => {
                let is_in_any = self.folders.iter().any(|folder| Path::new(path).starts_with(folder));
                let why = "is in no folder of OSTLER_SECRET_FOLDERS: add its folder there, or move the file";
                (!is_in_any).then(|| why.to_owned())
            }
            ExternalReference::Variable(name) if is_own_variable(name) => Some(own_variable(name)),
            ExternalReference::Variable(name) => {
                let why = || format!("is not in OSTLER_SECRET_VARIABLES: add {name} there");
                (!self.variables.contains(name)).then(why)
            }
            ExternalReference::Command { name, .. } => {
                let why = || format!("has no command in OSTLER_SECRET_COMMANDS: add {name}=/path/of/its/program there");
                (!self.commands.contains_key(name)).then(why)
            }
            ExternalReference::Credential(_) => None,
        }
    }
}

/// True for a variable that configures Ostler itself.
pub(crate) fn is_own_variable(name: &str) -> bool {
    OWN_VARIABLES.iter().any(|own| name.starts_with(own))
}

fn own_variable(name: &str) -> String {
    format!("names {name}, which is Ostler's own: keep the secret in another variable")
}

/// Reads a folder that files of secrets may be in.
pub fn folder(text: &str) -> Result<PathBuf, String> {
    let plain = text.strip_suffix('/').unwrap_or(text);
    let is_kernels = KERNEL_FOLDERS.iter().any(|kernels| Path::new(plain).starts_with(kernels));
    if !external::is_plain_path(plain) || is_kernels {
        return Err(format!("{text:?} is no folder of secrets, such as /run/secrets"));
    }
    Ok(plain.into())
}

/// Reads the name of a variable that holds a secret.
pub fn variable(text: &str) -> Result<String, String> {
    if is_own_variable(text) {
        return Err(own_variable(text));
    }
    if external::is_variable(text) { Ok(text.to_owned()) } else { Err(format!("{text:?} is no name of a variable")) }
}

/// Reads a command that prints a secret: its name, and its program with the arguments that come first.
pub fn command(text: &str) -> Result<(String, Vec<String>), String> {
    let fault = || format!("{text:?} is no command such as vault=/usr/bin/vault kv get -field=value");
    let (name, line) = text.split_once('=').ok_or_else(fault)?;
    let words: Vec<_> = line.split_whitespace().map(ToOwned::to_owned).collect();
    // Not looked for on PATH, so that it is this program and no other.
    let is_program = words.first().is_some_and(|program| external::is_plain_path(program));
    if external::is_command_name(name) && is_program { Ok((name.to_owned(), words)) } else { Err(fault()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_operator_named_may_be_referred_to() {
        let sources = SecretSources {
            folders: vec!["/run/secrets".into()],
            variables: vec!["TOKEN".into(), "OSTLER_SECRET_KEY".into()],
            commands: [command("pass=/usr/bin/pass show").unwrap()].into(),
        };
        let refusal = |kind, text| sources.refusal(&ExternalReference::read(kind, text).unwrap()).unwrap_or_default();
        for (kind, text, part) in [
            ("file", "/run/secrets/a/b", ""),
            ("file", "/run/secrets2/a", "OSTLER_SECRET_FOLDERS"),
            ("env", "TOKEN", ""),
            ("env", "HOME", "add HOME there"),
            ("env", "OSTLER_SECRET_KEY", "Ostler's own"),
            ("exec", "pass x", ""),
            ("exec", "vault x", "add vault=/path"),
            ("credential", "x", ""),
        ] {
            let why = refusal(kind, text);
            assert!(why.contains(part) && why.is_empty() == part.is_empty(), "{kind}:{text}: {why}");
        }
        assert!(SecretSources::default().refusal(&ExternalReference::File("/run/secrets/a".into())).is_some());
    }

    #[test]
    fn settings_that_would_open_ostler_itself_are_refused() {
        assert_eq!(folder("/run/secrets/"), Ok("/run/secrets".into()));
        for wrong in ["/", "", "secrets", "/proc", "/proc/self", "/dev/shm", "/run/../proc"] {
            assert!(folder(wrong).is_err(), "{wrong}");
        }
        assert!(
            ["OSTLER_SECRET_KEY", "DATABASE_URL", "OTEL_EXPORTER_OTLP_HEADERS", "a b"]
                .map(variable)
                .iter()
                .all(Result::is_err)
        );
        let vault = command("vault=/usr/bin/vault kv get").unwrap();
        assert_eq!(vault, ("vault".into(), ["/usr/bin/vault", "kv", "get"].map(String::from).into()));
        for wrong in ["vault", "vault=vault", "vault=", "=/bin/x", "a b=/bin/x"] {
            assert!(command(wrong).is_err(), "{wrong}");
        }
    }
}
