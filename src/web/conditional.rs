//! `ETag`, `If-Match` and `If-None-Match`: a change made to what was read, or not at all; and an answer that its caller
//! has already (RFC 9110, section 13.1).

use actix_web::http::header::{self, HeaderMap};
use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    error::{Error, Noun, Result},
    policy::hex,
    web::{compression::members, problem::Problem},
};

/// The precondition of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Anything at all.
    Any,
    /// One of these revisions.
    Revisions(Vec<String>),
}

impl IfMatch {
    /// Reads the precondition of a request.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut revisions = Vec::new();
        for value in headers.get_all(header::IF_MATCH) {
            let text = value.to_str().map_err(|_| malformed())?.trim();
            if text == "*" {
                return Ok(Self::Any);
            }
            for tag in text.split(',') {
                revisions.extend(revision(tag.trim())?);
            }
        }
        Ok(if headers.contains_key(header::IF_MATCH) { Self::Revisions(revisions) } else { Self::Any })
    }

    /// The one revision to hold a change against; `current` is asked where several would do.
    pub(crate) fn choose(&self, current: impl FnOnce() -> Result<String>) -> Result<Option<&str>> {
        match self {
            Self::Any => Ok(None),
            Self::Revisions(revisions) => match &revisions[..] {
                [one] => Ok(Some(one)),
                several => {
                    let current = current()?;
                    let found = several.iter().find(|revision| **revision == current);
                    found.map(|revision| Some(revision.as_str())).ok_or(Error::Stale(Noun::Server))
                }
            },
        }
    }
}

/// True when the caller has what this tag, with its quotes, is of; weakly compared (RFC 9110, section 13.1.2).
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    members(headers, &header::IF_NONE_MATCH).any(|known| is_same(known, tag))
}

fn is_same(theirs: &str, ours: &str) -> bool {
    theirs == "*" || theirs.strip_prefix("W/").unwrap_or(theirs) == ours
}

/// The revision of what has no other: 16 bytes of its SHA-256, in hex.
pub(crate) fn revision_of(content: &[u8]) -> String {
    hex::encode(digest(&SHA256, content).as_ref().get(..16).unwrap_or_default())
}

/// The strong tag for a revision.
pub(crate) fn etag(revision: &str) -> (header::HeaderName, String) {
    (header::ETAG, format!("\"{revision}\""))
}

/// The revision in a tag; none for a weak one, which never matches here.
fn revision(tag: &str) -> Result<Option<String>, Problem> {
    let (is_weak, quoted) = tag.strip_prefix("W/").map_or((false, tag), |rest| (true, rest));
    let bare = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(malformed)?;
    Ok((!is_weak).then(|| bare.to_owned()))
}

fn malformed() -> Problem {
    Problem::malformed("the if-match header must be * or a list of quoted tags")
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn read(value: &'static str) -> Option<IfMatch> {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, HeaderValue::from_static(value));
        IfMatch::of(&headers).ok()
    }

    #[test]
    fn a_change_is_held_against_what_was_read() {
        assert_eq!(IfMatch::of(&HeaderMap::new()).unwrap(), IfMatch::Any);
        assert_eq!(read("*"), Some(IfMatch::Any));
        let one = read("\"7\"").unwrap();
        assert_eq!(one.choose(|| panic!("asked")).unwrap(), Some("7"));
        assert_eq!(read("7"), None);
    }

    #[test]
    fn a_tag_of_what_is_known_is_compared_weakly() {
        assert!(is_same("\"a\"", "\"a\"") && is_same("W/\"a\"", "\"a\"") && is_same("*", "\"a\""));
        assert!(!is_same("\"b\"", "\"a\""));
    }

    #[test]
    fn one_of_several_will_do_and_a_weak_one_never() {
        let several = read("\"6\", \"7\"").unwrap();
        assert_eq!(several.choose(|| Ok("7".into())).unwrap(), Some("7"));
        assert!(matches!(several.choose(|| Ok("8".into())), Err(Error::Stale(_))));
        assert!(matches!(read("W/\"7\"").unwrap().choose(|| Ok("7".into())), Err(Error::Stale(_))));
    }
}
