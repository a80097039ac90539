//! [`ExternalReference`]: a secret that is kept outside of Ostler, as in `${file:/run/secrets/token}`.

use std::fmt;

/// Most bytes after the kind: as many as a path may have.
const BYTES_MAX: usize = 4096;

/// A secret that is kept outside of Ostler.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExternalReference {
    /// The content of a file: `${file:/run/secrets/token}`.
    File(String),
    /// A variable of Ostler's own environment: `${env:GITHUB_TOKEN}`.
    Variable(String),
    /// The output of a command that the operator named, with one more argument where there is one:
    /// `${exec:vault secret/github}`.
    Command {
        /// The operator's name for it.
        name: String,
        /// The last argument.
        argument: Option<String>,
    },
    /// A credential that systemd gives to Ostler's unit: `${credential:token}`.
    Credential(String),
}

impl ExternalReference {
    /// The reference of this kind to `text`; `None` where there is no such kind, or `text` breaks its [`rule`].
    pub(super) fn read(kind: &str, text: &str) -> Option<Self> {
        let fits = (1..=BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
        match kind {
            _ if !fits => None,
            "file" => is_plain_path(text).then(|| Self::File(text.to_owned())),
            "env" => is_variable(text).then(|| Self::Variable(text.to_owned())),
            "credential" => is_file_name(text).then(|| Self::Credential(text.to_owned())),
            "exec" => {
                let (name, argument) = text.split_once(' ').map_or((text, None), |(name, rest)| (name, Some(rest)));
                let is_operand = argument.is_none_or(|argument| !argument.is_empty() && !argument.starts_with('-'));
                let command = || Self::Command { name: name.to_owned(), argument: argument.map(ToOwned::to_owned) };
                (is_command_name(name) && is_operand).then(command)
            }
            _ => None,
        }
    }
}

impl fmt::Display for ExternalReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "${{file:{path}}}"),
            Self::Variable(name) => write!(f, "${{env:{name}}}"),
            Self::Command { name, argument: None } => write!(f, "${{exec:{name}}}"),
            Self::Command { name, argument: Some(argument) } => write!(f, "${{exec:{name} {argument}}}"),
            Self::Credential(name) => write!(f, "${{credential:{name}}}"),
        }
    }
}

/// The rule for references of a kind, for people; `None` where there is no such kind.
pub(super) fn rule(kind: &str) -> Option<&'static str> {
    match kind {
        "file" => Some("must be an absolute path without `.` and `..`, as in ${file:/run/secrets/token}"),
        "env" => Some("must be the name of a variable, as in ${env:GITHUB_TOKEN}"),
        "exec" => Some(
            "must be the name of a command in OSTLER_SECRET_COMMANDS and at most one argument, which does not begin \
             with `-`, as in ${exec:vault secret/github}",
        ),
        "credential" => Some("must be the name of a credential of Ostler's unit, as in ${credential:token}"),
        _ => None,
    }
}

/// True for a name that the operator may give to a command.
pub(super) fn is_command_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// True for the name of a variable.
pub(super) fn is_variable(name: &str) -> bool {
    let is_digit = |first: char| first.is_ascii_digit();
    !name.is_empty()
        && !name.starts_with(is_digit)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// True for an absolute path that leads nowhere else than it reads.
pub(super) fn is_plain_path(path: &str) -> bool {
    let mut parts = path.split('/').skip(1).peekable();
    path.starts_with('/') && parts.peek().is_some() && parts.all(|part| !["", ".", ".."].contains(&part))
}

fn is_file_name(name: &str) -> bool {
    !name.contains('/') && ![".", ".."].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_as_it_is_written() {
        for (kind, text) in [
            ("file", "/run/secrets/my token"),
            ("env", "_GITHUB_TOKEN2"),
            ("exec", "pass"),
            ("exec", "op op://Private/git hub/token"),
            ("credential", "db.password"),
        ] {
            let read = ExternalReference::read(kind, text).unwrap();
            assert_eq!(read.to_string(), format!("${{{kind}:{text}}}"));
        }
    }

    #[test]
    fn what_breaks_the_rule_of_its_kind_is_no_reference() {
        for (kind, text) in [
            ("file", "run/secrets"),
            ("file", "/run/../etc/shadow"),
            ("file", "/run//x"),
            ("file", "/"),
            ("file", "/run/secrets/"),
            ("file", "/run/a\nb"),
            ("env", "2"),
            ("env", "A-B"),
            ("env", ""),
            ("exec", "/bin/sh"),
            ("exec", "vault "),
            ("exec", "vault -address=http://elsewhere"),
            ("credential", "../x"),
            ("credential", ".."),
            ("vault", "x"),
        ] {
            assert_eq!(ExternalReference::read(kind, text), None, "{kind}:{text}");
        }
        assert_eq!(ExternalReference::read("file", &format!("/{}", "x".repeat(BYTES_MAX))), None);
    }
}
