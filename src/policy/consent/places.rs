//! Well-known URLs of OAuth metadata.

use crate::policy::remote::path;

/// URLs an issuer's metadata may be at: before its path for OAuth (RFC 8414), before or after it for OpenID Connect.
#[must_use]
pub fn metadata_places(issuer: &str) -> Vec<String> {
    let bare = issuer.trim_end_matches('/');
    let (origin, path) = split(bare);
    let mut places = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
        format!("{bare}/.well-known/openid-configuration"),
    ];
    places.dedup();
    places
}

/// URLs a server's protected resource metadata may be at: for its path, and for its whole host (RFC 9728, section 3.1).
#[must_use]
pub fn resource_places(url: &str) -> Vec<String> {
    const PLACE: &str = "/.well-known/oauth-protected-resource";
    let (origin, path) = split(url);
    let path = path.trim_end_matches('/').to_owned();
    let mut places = vec![format!("{origin}{PLACE}{path}"), format!("{origin}{PLACE}")];
    places.dedup();
    places
}

/// Scheme and authority of a URL.
#[must_use]
pub fn origin_of(url: &str) -> &str {
    split(url).0
}

/// Scheme and authority, and the path without a query.
fn split(url: &str) -> (&str, String) {
    let start = url.find("://").map_or(0, |at| at.saturating_add(3));
    let length = url.get(start..).and_then(|rest| rest.find(['/', '?', '#'])).map(|at| at.saturating_add(start));
    (length.and_then(|length| url.get(..length)).unwrap_or(url), path(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_looked_for_where_either_standard_puts_them() {
        assert_eq!(
            metadata_places("https://id.example:8443/realms/a"),
            [
                "https://id.example:8443/.well-known/oauth-authorization-server/realms/a",
                "https://id.example:8443/.well-known/openid-configuration/realms/a",
                "https://id.example:8443/realms/a/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            metadata_places("https://id.example/"),
            [
                "https://id.example/.well-known/oauth-authorization-server",
                "https://id.example/.well-known/openid-configuration",
            ]
        );
    }

    #[test]
    fn a_server_says_who_makes_its_tokens_below_its_path_or_for_its_host() {
        assert_eq!(
            resource_places("https://a.example/mcp?x=1"),
            [
                "https://a.example/.well-known/oauth-protected-resource/mcp",
                "https://a.example/.well-known/oauth-protected-resource",
            ]
        );
        assert_eq!(resource_places("http://a.example:1"), ["http://a.example:1/.well-known/oauth-protected-resource"]);
    }
}
