//! The secrets in a server's configuration: whole values, and the parts of them that are secret by themselves.

use std::collections::BTreeSet;

use super::escapes::unescaped;

/// Shorter values hide nothing that anybody would call a secret, and would blot out half of every text.
const VALUE_MIN: usize = 4;

/// Shorter parts of a value are too common to be hidden by themselves.
const PART_MIN: usize = 8;

/// Shorter lines, too: keys in PEM have 64.
const LINE_MIN: usize = 12;

/// Bytes of lines that are searched for by themselves, all values together: some forty keys. It bounds the memory of a
/// mask.
const LINES_MAX: usize = 64 << 10;

/// Values that are settings rather than secrets.
const HARMLESS: [&str; 10] =
    ["true", "false", "null", "none", "info", "debug", "warn", "error", "production", "development"];

/// Everything to hide where `values` are the secrets of a server.
pub(super) fn all<'a>(values: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    let (mut all, mut lines_room) = (BTreeSet::new(), LINES_MAX);
    for value in values {
        // White space around it is often lost on the way, and no secret.
        let value = value.trim();
        if !is_secret(value) {
            continue;
        }
        // Keys are often written with `\n` for their line ends, which programs read as such.
        let plain = unescaped(value.as_bytes()).and_then(|plain| String::from_utf8(plain).ok());
        let forms = [Some(value), plain.as_deref().map(str::trim)];
        for form in forms.into_iter().flatten() {
            let lines = lines(form).take_while(|line| {
                let left = lines_room.checked_sub(line.len());
                lines_room = left.unwrap_or(0);
                left.is_some()
            });
            all.extend(lines.chain(token(form)).chain(password(form)).map(str::to_owned));
            all.insert(form.to_owned());
        }
    }
    all.retain(|secret| is_secret(secret));
    all
}

fn is_secret(value: &str) -> bool {
    value.len() >= VALUE_MIN && !HARMLESS.contains(&value.to_ascii_lowercase().as_str())
}

/// The lines of a value that has several, but for PEM's `-----BEGIN …-----`, which is in everybody's keys.
fn lines(value: &str) -> impl Iterator<Item = &str> {
    let lines = value.contains('\n').then(|| value.lines()).into_iter().flatten();
    lines.map(str::trim).filter(|line| line.len() >= LINE_MIN && !line.starts_with("-----"))
}

/// The token after an authentication scheme, as in `Bearer …`.
fn token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_common = ["basic", "bearer", "token"].contains(&scheme.to_ascii_lowercase().as_str());
    let least = if is_common { VALUE_MIN } else { PART_MIN };
    (is_scheme && token.len() >= least && !token.contains(char::is_whitespace)).then_some(token)
}

/// The password of a URL (RFC 3986, section 3.2.1), as in `postgres://user:password@host`.
fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    (password.len() >= PART_MIN).then_some(password)
}
