//! `${secret:NAME}` in the values of a server's `env` and headers, and in its client secret.

use crate::{
    error::{Faults, below},
    model::{Remote, ServerConfig},
};

/// Beginning of a reference; `}` is its end.
const OPENING: &str = "${secret:";

/// Most characters of a secret's name.
const NAME_CHARS_MAX: usize = 64;

/// The rule for names of secrets, for people.
pub const NAME_RULE: &str =
    "must be a name of 1 to 64 letters, digits and `_.-` that begins with a letter or `_`, as in ${secret:API_TOKEN}";

/// Pointer to the client secret of a remote server.
const CLIENT_SECRET: &str = "/oauth/clientSecret";

/// Text, or the name of a secret that is to take its place.
enum Piece<'a> {
    Text(&'a str),
    Secret(&'a str),
}

/// True for a name that a secret may have: `[A-Za-z_][A-Za-z0-9_.-]{0,63}`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_first = |first: char| first.is_ascii_alphabetic() || first == '_';
    let is_other = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    name.starts_with(is_first) && name.len() <= NAME_CHARS_MAX && name.bytes().all(is_other)
}

/// Every value of a configuration in which a reference counts: those that are secrets.
pub fn values(config: &ServerConfig) -> impl Iterator<Item = &String> {
    config.env.values().chain(config.remote.iter().flat_map(far_values))
}

fn far_values(Remote { headers, oauth, .. }: &Remote) -> impl Iterator<Item = &String> {
    headers.values().chain(&oauth.client_secret)
}

/// True where the configuration refers to the secret of this name.
#[must_use]
pub fn refers_to(config: &ServerConfig, name: &str) -> bool {
    values(config).any(|value| names(value).any(|one| one == name))
}

/// True where a value is a reference and nothing else, and so no secret by itself.
#[must_use]
pub fn is_whole(value: &str) -> bool {
    let mut pieces = pieces(value).filter(|piece| !matches!(piece, Piece::Text("")));
    matches!((pieces.next(), pieces.next()), (Some(Piece::Secret(_)), None))
}

/// The names of the secrets that a value refers to.
pub fn names(value: &str) -> impl Iterator<Item = &str> {
    pieces(value).filter_map(|piece| match piece {
        Piece::Text(_) => None,
        Piece::Secret(name) => Some(name),
    })
}

/// The value with each secret that `find` has in place of its reference. What a secret holds is not looked at again,
/// and one that is not there is left as it is.
pub fn resolved<'a>(value: &str, find: impl Fn(&str) -> Option<&'a str>) -> String {
    let piece = |piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Secret(name) => find(name).map_or_else(|| format!("{OPENING}{name}}}"), ToOwned::to_owned),
    };
    pieces(value).map(piece).collect()
}

/// Checks the references of a configuration: none where others could read it, and none that is misspelled.
pub(super) fn check(faults: &mut Faults, config: &ServerConfig) {
    let is_free = |text: &str| !text.contains(OPENING);
    for (index, arg) in config.args.iter().enumerate() {
        let why = "must not hold ${secret:…}: all users of this machine can read arguments (/proc/PID/cmdline); give it \
                   to the program in `env`, or in a file that the program reads";
        faults.check(is_free(arg), format!("/args/{index}"), why);
    }
    let why = "must not hold ${secret:…}: it is no secret, and shown to everybody who may see the server";
    faults.check(is_free(&config.command), "/command", why);
    let misspelled = |value: &str| value.matches(OPENING).count() != names(value).count();
    for (name, value) in &config.env {
        faults.check(!misspelled(value), below("/env", name), NAME_RULE);
    }
    let Some(remote) = &config.remote else { return };
    faults.check(is_free(&remote.url), "/url", "must not hold ${secret:…}: put it into a header");
    for (name, value) in &remote.headers {
        faults.check(!misspelled(value), below("/headers", name), NAME_RULE);
    }
    faults.check(!remote.oauth.client_secret.as_deref().is_some_and(misspelled), CLIENT_SECRET, NAME_RULE);
}

/// Refuses references to another user's secrets in a changed configuration: `after` was written by a caller who does
/// not own the server, and could have them sent to a place of their choice.
pub(super) fn check_foreign(faults: &mut Faults, after: &ServerConfig) {
    let why = "refers to a secret of the server's owner, which only the owner and mcp:manage may do while they change \
               the command, args, url, env, headers or oauth: write a value, or leave these unchanged";
    let mut check = |pointer: String, value: &str| faults.check(names(value).next().is_none(), pointer, why);
    for (name, value) in &after.env {
        check(below("/env", name), value);
    }
    for (name, value) in after.remote.iter().flat_map(|remote| &remote.headers) {
        check(below("/headers", name), value);
    }
    for value in after.remote.iter().filter_map(|remote| remote.oauth.client_secret.as_deref()) {
        check(CLIENT_SECRET.to_owned(), value);
    }
}

fn pieces(value: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut parts = value.split(OPENING);
    let first = parts.next().map(Piece::Text);
    first.into_iter().chain(parts.flat_map(|part| match part.split_once('}') {
        Some((name, rest)) if is_name(name) => [Piece::Secret(name), Piece::Text(rest)],
        Some(_) | None => [Piece::Text(OPENING), Piece::Text(part)],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> Option<&'static str> {
        [("A", "one"), ("b.c-d", "${secret:A}")].into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    #[test]
    fn names_are_those_of_variables_and_files() {
        let long = "x".repeat(NAME_CHARS_MAX);
        for name in ["A", "_", "a.b-c_9", &long] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "9a", ".a", "-a", "a b", "ä", "a/b", &format!("{long}x")] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn references_give_way_to_values_which_are_not_looked_at_again() {
        for (value, expected) in [
            ("", ""),
            ("plain $A ${A}", "plain $A ${A}"),
            ("${secret:A}", "one"),
            ("Bearer ${secret:A}!", "Bearer one!"),
            ("${secret:A}${secret:A}", "oneone"),
            ("${secret:b.c-d}", "${secret:A}"),
            ("x${secret:MISSING}y", "x${secret:MISSING}y"),
            ("${secret:not a name}", "${secret:not a name}"),
            ("${secret:A", "${secret:A"),
        ] {
            assert_eq!(resolved(value, find), expected, "{value}");
        }
        assert_eq!(names("a${secret:A}b${secret:B}").collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn a_value_that_is_nothing_but_a_reference_differs_from_others() {
        let whole = ["${secret:A}", "x${secret:A}", "${secret:A}${secret:A}", "${secret:}", ""].map(is_whole);
        assert_eq!(whole, [true, false, false, false, false]);
    }

    #[test]
    fn references_that_others_could_read_or_that_are_misspelled_are_refused_by_their_place() {
        let pointers = |config: &ServerConfig| {
            let mut faults = Faults::default();
            check(&mut faults, config);
            faults.0.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
        };
        let near = ServerConfig::new("a", "${secret:A}").args(["x", "--token=${secret:A}"]);
        assert_eq!(
            pointers(&near.env("T", "${secret:A}").env("U", "${secret:a b}")),
            ["/args/1", "/command", "/env/U"]
        );
        let mut far = ServerConfig::remote("a", "https://example.com/${secret:A}");
        let remote = far.remote.as_mut().unwrap();
        remote.headers.insert("X-Key".into(), "${secret:".into());
        remote.oauth.client_secret = Some("${secret:A}".into());
        assert_eq!(pointers(&far), ["/url", "/headers/X-Key"]);
    }
}
