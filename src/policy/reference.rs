//! References such as `${secret:NAME}` in the values of a server's `env` and headers, and in its client secret.

use std::collections::BTreeSet;

use crate::{
    error::{Faults, below},
    model::{Remote, ServerConfig},
    policy::external::{self, ExternalReference},
};

/// Beginning of a reference, before its kind; `}` is its end.
const OPENING: &str = "${";

/// The kind of those to Ostler's own secrets.
const SECRET: &str = "secret";

/// References of one server to secrets outside of Ostler: each may be a program that is run.
const EXTERNAL_MAX: usize = 64;

/// Most characters of a secret's name.
const NAME_CHARS_MAX: usize = 64;

/// The rule for names of secrets, for people.
pub const NAME_RULE: &str =
    "must be a name of 1 to 64 letters, digits and `_.-` that begins with a letter or `_`, as in ${secret:API_TOKEN}";

/// Pointer to the client secret of a remote server.
const CLIENT_SECRET: &str = "/oauth/clientSecret";

/// Text, or a secret that is to take its place.
pub(super) enum Piece<'a> {
    Text(&'a str),
    Secret(&'a str),
    External(ExternalReference),
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
    matches!((pieces.next(), pieces.next()), (Some(Piece::Secret(_) | Piece::External(_)), None))
}

/// True where a value refers to a secret outside of Ostler.
pub(crate) fn is_external(value: &str) -> bool {
    external_in(value).next().is_some()
}

/// True for what stands between `${` and `}` in a reference, unless that is `env:NAME`, by which configurations of
/// clients mean a variable of their own.
pub(super) fn is_inside(inside: &str) -> bool {
    let reference = read(inside);
    reference.is_some_and(|reference| !matches!(reference, Piece::External(ExternalReference::Variable(_))))
}

/// The parts of a value that are no references.
pub fn texts(value: &str) -> impl Iterator<Item = &str> {
    pieces(value).filter_map(|piece| match piece {
        Piece::Text(text) => Some(text),
        Piece::Secret(_) | Piece::External(_) => None,
    })
}

/// Every reference of a configuration to a secret outside of Ostler, after the pointer to its value.
pub fn external_references(config: &ServerConfig) -> impl Iterator<Item = (String, ExternalReference)> {
    places(config).flat_map(|(pointer, value)| external_in(value).map(move |reference| (pointer.clone(), reference)))
}

/// Every reference of a value to a secret outside of Ostler.
pub(crate) fn external_in(value: &str) -> impl Iterator<Item = ExternalReference> {
    pieces(value).filter_map(|piece| match piece {
        Piece::External(reference) => Some(reference),
        Piece::Text(_) | Piece::Secret(_) => None,
    })
}

/// Every value in which a reference counts, after the pointer to it.
fn places(config: &ServerConfig) -> impl Iterator<Item = (String, &String)> {
    let near = config.env.iter().map(|(name, value)| (below("/env", name), value));
    near.chain(config.remote.iter().flat_map(|remote| {
        let headers = remote.headers.iter().map(|(name, value)| (below("/headers", name), value));
        headers.chain(remote.oauth.client_secret.iter().map(|value| (CLIENT_SECRET.to_owned(), value)))
    }))
}

/// The names of the secrets that a value refers to.
pub fn names(value: &str) -> impl Iterator<Item = &str> {
    pieces(value).filter_map(|piece| match piece {
        Piece::Text(_) | Piece::External(_) => None,
        Piece::Secret(name) => Some(name),
    })
}

/// The value with each secret that `find` has in place of its reference. What a secret holds is not looked at again,
/// and what is not there, or outside of Ostler, is left as it is.
pub fn resolved<'a>(value: &str, find: impl Fn(&str) -> Option<&'a str>) -> String {
    let piece = |piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Secret(name) => find(name).map_or_else(|| format!("${{{SECRET}:{name}}}"), ToOwned::to_owned),
        Piece::External(reference) => reference.to_string(),
    };
    pieces(value).map(piece).collect()
}

/// Checks the references of a configuration: none where others could read it, and none that is misspelled.
pub(super) fn check(faults: &mut Faults, config: &ServerConfig) {
    for (index, arg) in config.args.iter().enumerate() {
        let why = "must not hold ${secret:…} or its like: all users of this machine can read arguments \
                   (/proc/PID/cmdline); give it to the program in `env`, or in a file that the program reads";
        faults.check(!mentions_any(arg), format!("/args/{index}"), why);
    }
    let why = "must not hold ${secret:…} or its like: it is no secret, and shown to everybody who may see the server";
    faults.check(!mentions_any(&config.command), "/command", why);
    if let Some(remote) = &config.remote {
        let why = "must not hold ${secret:…} or its like: put it into a header";
        faults.check(!mentions_any(&remote.url), "/url", why);
    }
    for (pointer, value) in places(config) {
        let broken = openings(value).find_map(|(rule, part)| reference(part).is_none().then_some(rule));
        faults.check(broken.is_none(), pointer, broken.unwrap_or_default());
    }
    let all: BTreeSet<_> = external_references(config).map(|(_, reference)| reference).collect();
    let place = if config.remote.is_some() { "/headers" } else { "/env" };
    faults.check(all.len() <= EXTERNAL_MAX, place, "must refer to at most 64 secrets outside of Ostler");
}

fn mentions_any(text: &str) -> bool {
    openings(text).next().is_some()
}

/// The rule of each reference that begins in a text, whether it ends or not, and what follows its `${`.
fn openings(text: &str) -> impl Iterator<Item = (&'static str, &str)> {
    text.split(OPENING).skip(1).filter_map(|part| Some((rule(part.split_once(':')?.0)?, part)))
}

fn rule(kind: &str) -> Option<&'static str> {
    if kind == SECRET { Some(NAME_RULE) } else { external::rule(kind) }
}

/// Refuses references to another user's secrets in a changed configuration: `after` was written by a caller who does
/// not own the server, and could have them sent to a place of their choice.
pub(super) fn check_foreign(faults: &mut Faults, after: &ServerConfig) {
    let why = "refers to a secret of the server's owner, which only the owner and mcp:manage may do while they change \
               the command, args, url, env, headers or oauth: write a value, or leave these unchanged";
    for (pointer, value) in places(after) {
        faults.check(names(value).next().is_none(), pointer, why);
    }
}

/// The pieces of a value, in order.
pub(super) fn pieces(value: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut parts = value.split(OPENING);
    let first = parts.next().map(Piece::Text);
    first.into_iter().chain(parts.flat_map(|part| match reference(part) {
        Some((piece, rest)) => [piece, Piece::Text(rest)],
        None => [Piece::Text(OPENING), Piece::Text(part)],
    }))
}

/// The reference that `part`, which follows a `${`, begins with, and what is left; `None` where there is none.
fn reference(part: &str) -> Option<(Piece<'_>, &str)> {
    let (inside, rest) = part.split_once('}')?;
    Some((read(inside)?, rest))
}

fn read(inside: &str) -> Option<Piece<'_>> {
    match inside.split_once(':')? {
        (SECRET, name) => is_name(name).then_some(Piece::Secret(name)),
        (kind, text) => ExternalReference::read(kind, text).map(Piece::External),
    }
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
            ("${${secret:A}}", "${one}"),
            ("a${file:/x y}${secret:A}", "a${file:/x y}one"),
        ] {
            assert_eq!(resolved(value, find), expected, "{value}");
        }
        assert_eq!(names("a${secret:A}b${secret:B}").collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn a_value_that_is_nothing_but_a_reference_differs_from_others() {
        let whole = ["${secret:A}", "x${secret:A}", "${secret:A}${secret:A}", "${secret:}", ""].map(is_whole);
        assert_eq!(whole, [true, false, false, false, false]);
        assert_eq!(["${env:A}", "${exec:a b}", "${env:}"].map(is_whole), [true, true, false]);
        assert_eq!(["secret:A", "file:/a", "env:A", "A", "file:a"].map(is_inside), [true, true, false, false, false]);
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
        let outside = ServerConfig::new("a", "${exec:x}").args(["${env:HOME}", "${HOME}", "${x:y}", "${file:"]);
        let outside = outside.env("A", "${file:a}").env("B", "${x:y} ${env:A}").env("C", "${exec:a -b}");
        assert_eq!(pointers(&outside), ["/args/0", "/args/3", "/command", "/env/A", "/env/C"]);
        let many = (0..=EXTERNAL_MAX).fold(String::new(), |all, n| all + &format!("${{env:V{n}}}"));
        assert_eq!(pointers(&ServerConfig::new("a", "b").env("A", many)), ["/env"]);
    }

    #[test]
    fn references_outside_are_found_with_the_place_they_stand_in() {
        let mut far = ServerConfig::remote("a", "https://example.com");
        let remote = far.remote.as_mut().unwrap();
        remote.headers.insert("X-Key".into(), "a ${env:A} ${secret:S} ${file:/b}".into());
        remote.oauth.client_secret = Some("${credential:c}".into());
        let found: Vec<_> = external_references(&far).map(|(pointer, one)| format!("{pointer} {one}")).collect();
        assert_eq!(
            found,
            ["/headers/X-Key ${env:A}", "/headers/X-Key ${file:/b}", "/oauth/clientSecret ${credential:c}"]
        );
        assert_eq!(texts("a ${env:A}/x${file:/b}").collect::<String>(), "a /x");
    }
}
