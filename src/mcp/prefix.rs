//! Names for what several servers offer as one: `server__tool`, and URIs that two of them use.
//!
//! A name depends on its server and itself alone, so that it stays when other servers come and go. Only of two servers
//! with one name the later has to give way.

use aws_lc_rs::digest::{SHA256, digest};

/// Between a server and what it offers.
const SEPARATOR: &str = "__";

/// Most bytes of a whole name; some clients take no more.
const NAME_BYTES_MAX: usize = 64;

/// Most bytes of what stands for a server.
const SLUG_BYTES_MAX: usize = 24;

/// Before the URIs of a server that uses those of another.
const SCHEME: &str = "ostler://";

/// The scheme of pages of MCP Apps; hosts refuse a page of any other.
const PAGE_SCHEME: &str = "ui://";

/// Before such pages of a server that uses those of another.
const PAGE_PREFIX: &str = "ui://ostler/";

/// Prefixes of servers, in the order given: each its name as far as it can be part of a tool's. `servers` are ids and
/// names, oldest first.
#[must_use]
pub fn slugs<'a>(servers: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut slugs: Vec<String> = Vec::new();
    for (id, name) in servers {
        let plain = slug(name);
        let taken = slugs.iter().any(|one| one.eq_ignore_ascii_case(&plain));
        slugs.push(if taken { hashed(&plain, id, SLUG_BYTES_MAX) } else { plain });
    }
    slugs
}

/// A tool's or a prompt's name among those of all servers: at most 64 of `A-Z`, `a-z`, `0-9`, `_` and `-`.
#[must_use]
pub fn prefixed(slug: &str, name: &str) -> String {
    let full = format!("{slug}{SEPARATOR}{name}");
    if full.len() <= NAME_BYTES_MAX && !name.is_empty() && name.chars().all(is_plain) {
        return full;
    }
    let plain: String = full.chars().map(|one| if is_plain(one) { one } else { '_' }).collect();
    hashed(&plain, name, NAME_BYTES_MAX)
}

/// The server's prefix in a prefixed name.
#[must_use]
pub fn slug_of(prefixed: &str) -> Option<&str> {
    Some(prefixed.split_once(SEPARATOR)?.0)
}

/// The URI of a resource whose own URI another server uses too.
#[must_use]
pub fn prefixed_uri(slug: &str, uri: &str) -> String {
    let before = if uri.starts_with(PAGE_SCHEME) { PAGE_PREFIX } else { SCHEME };
    format!("{before}{slug}/{uri}")
}

/// The server and the URI it knows, of a URI made by [`prefixed_uri`].
#[must_use]
pub fn split_uri(prefixed: &str) -> Option<(&str, &str)> {
    prefixed.strip_prefix(SCHEME).or_else(|| prefixed.strip_prefix(PAGE_PREFIX))?.split_once('/')
}

/// A name without what a tool's cannot have, and without the separator.
fn slug(name: &str) -> String {
    let parts = name.split(|one| !is_plain(one) || one == '_').filter(|part| !part.is_empty());
    let plain = parts.collect::<Vec<_>>().join("_");
    if plain.is_empty() {
        return hashed("server", name, SLUG_BYTES_MAX);
    }
    if plain.len() > SLUG_BYTES_MAX { hashed(&plain, name, SLUG_BYTES_MAX) } else { plain }
}

fn is_plain(one: char) -> bool {
    one.is_ascii_alphanumeric() || one == '_' || one == '-'
}

/// `plain`, which is ASCII, cut so that it fits with six digits that stand for `full`.
fn hashed(plain: &str, full: &str, longest: usize) -> String {
    let hash: String =
        digest(&SHA256, full.as_bytes()).as_ref().iter().take(3).map(|byte| format!("{byte:02x}")).collect();
    let start: String = plain.chars().take(longest.saturating_sub(hash.len() + 1)).collect();
    format!("{}_{hash}", start.trim_end_matches('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slugs_of(names: &[&str]) -> Vec<String> {
        let ids: Vec<_> = (0..names.len()).map(|id| id.to_string()).collect();
        slugs(ids.iter().map(String::as_str).zip(names.iter().copied()))
    }

    #[test]
    fn a_tool_is_named_after_its_server() {
        assert_eq!(prefixed("files", "read_file"), "files__read_file");
        assert_eq!(slug_of("files__read__file"), Some("files"));
        assert_eq!(slug_of("echo"), None);
    }

    #[test]
    fn a_server_is_named_by_what_a_tool_may_be_named() {
        assert_eq!(slugs_of(&["My files (old)", "a__b_", "zeit-Ä"]), ["My_files_old", "a_b", "zeit-"]);
        let long = slugs_of(&["a-server-with-a-name-that-goes-on", "Ж"]);
        assert!(long.iter().all(|slug| slug.len() <= SLUG_BYTES_MAX && !slug.contains(SEPARATOR)), "{long:?}");
    }

    #[test]
    fn of_two_servers_with_one_name_the_later_gives_way() {
        let slugs = slugs_of(&["time", "time", "Time"]);
        assert_eq!(slugs[0], "time");
        assert!(slugs[1].starts_with("time_") && slugs[2].starts_with("Time_") && slugs[1] != slugs[2], "{slugs:?}");
    }

    #[test]
    fn names_that_are_long_or_strange_fit_and_differ() {
        let long = "a".repeat(80);
        let names = [format!("{long}1"), format!("{long}2"), "get/x".into(), "get.x".into(), String::new()];
        let all: Vec<_> = names.iter().map(|name| prefixed("s", name)).collect();
        for (index, name) in all.iter().enumerate() {
            assert!(name.len() <= NAME_BYTES_MAX && name.chars().all(is_plain), "{name}");
            assert_eq!(slug_of(name).unwrap_or("s"), "s", "{name}");
            assert!(!all[..index].contains(name), "{name}");
        }
        assert_eq!(prefixed("s", "get/x"), all[2]);
    }

    #[test]
    fn a_uri_finds_its_way_back() {
        let uri = prefixed_uri("notes", "file:///a/b?c#d");
        assert_eq!(uri, "ostler://notes/file:///a/b?c#d");
        assert_eq!(split_uri(&uri), Some(("notes", "file:///a/b?c#d")));
        let page = prefixed_uri("notes", "ui://a/b");
        assert_eq!(page, "ui://ostler/notes/ui://a/b");
        assert_eq!(split_uri(&page), Some(("notes", "ui://a/b")));
        assert_eq!(split_uri("file:///a"), None);
    }
}
