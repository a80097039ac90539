//! Trust in issuers' keys: only documents over an encrypted connection, or from this machine, are accepted.

use std::net::IpAddr;

use crate::policy::remote::{origin, path};

/// The reason why `text` cannot be the name of an OAuth issuer.
#[must_use]
pub fn fault(text: &str) -> Option<&'static str> {
    let fits = is_safe(text) && !text.contains(['?', '#', '@']) && !text.contains(char::is_whitespace);
    (!fits).then_some("must be the https URL that the issuer's tokens name, without query; http only on this machine")
}

/// True when documents may be fetched from `url`: over https, or over http from this machine.
#[must_use]
pub fn is_safe(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    };
    let host = host.unwrap_or_default();
    let is_here = host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    !host.is_empty() && !authority.contains('@') && (scheme == "https" || (scheme == "http" && is_here))
}

/// True when two texts name one issuer: the same URL, however its scheme, host, default port or empty path are written
/// (RFC 3986, sections 6.2.2.1 and 6.2.3). RFC 8414 compares texts, but servers and libraries put a slash after a bare
/// host, or take it away.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    let parts = |text: &str| {
        let path = path(text);
        (origin(text), if path.is_empty() { "/".to_owned() } else { path })
    };
    one == other || (fault(one).is_none() && fault(other).is_none() && parts(one) == parts(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_the_same_with_and_without_a_slash_after_its_host() {
        let issuer = "https://id.example";
        for other in [issuer, "https://id.example/", "https://ID.example:443"] {
            assert!(is_same(issuer, other), "{other}");
        }
        for other in
            ["https://id.example/a", "http://id.example", "https://id.example:444/", "https://id.example//", ""]
        {
            assert!(!is_same(issuer, other), "{other}");
        }
        assert!(!is_same("https://id.example/a", "https://id.example/a/"), "these are two paths");
        assert!(!is_same("x", "y"));
    }

    #[test]
    fn an_issuer_is_an_encrypted_url_or_on_this_machine() {
        for issuer in
            ["https://id.example/realms/a", "https://id.example/", "http://localhost:8080", "http://[::1]:1/a"]
        {
            assert_eq!(fault(issuer), None, "{issuer}");
        }
        for issuer in [
            "http://id.example",
            "id.example",
            "",
            "https://",
            "https://a@id.example",
            "https://id.example?a=b",
            "ftp://localhost",
            "http://localhost@id.example",
            "http://127.0.0.1.id.example",
        ] {
            assert!(fault(issuer).is_some(), "{issuer}");
        }
    }
}
