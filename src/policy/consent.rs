//! Decisions of an OAuth client before it sends a user to an authorization server (specification, basic/authorization).

mod challenge;
mod form;
pub mod lenient;
mod places;

pub use challenge::{Challenge, is_challenged};
pub use form::{encoded, escaped};
pub use places::{metadata_places, origin_of, resource_places};

use crate::policy::remote::{origin, path};

/// Client authentication at a token endpoint (RFC 6749, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// Its id and its secret in the head.
    ClientSecretBasic,
    /// Both in the body.
    ClientSecretPost,
    /// Its id alone.
    None,
}

impl ClientAuthentication {
    const ALL: [(&str, Self); 3] = [
        ("client_secret_basic", Self::ClientSecretBasic),
        ("client_secret_post", Self::ClientSecretPost),
        ("none", Self::None),
    ];

    /// The one of this name.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(word, _)| *word == name).map(|(_, method)| *method)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, method)| *method == self).map_or("none", |(word, _)| word)
    }

    /// The method to register with: no secret where none is needed; `client_secret_basic`, the default of RFC 8414,
    /// where `supported` is absent.
    #[must_use]
    pub fn wanted(supported: Option<&[String]>) -> Self {
        let Some(supported) = supported else { return Self::ClientSecretBasic };
        let known = |method: &Self| supported.iter().any(|name| name == method.name());
        [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost].into_iter().find(known).unwrap_or(Self::None)
    }

    /// The method to use at the token endpoint: none without a secret, else the one `stated` in the registration
    /// response, else the first supported one.
    #[must_use]
    pub fn chosen(supported: Option<&[String]>, has_secret: bool, stated: Option<&str>) -> Self {
        if !has_secret {
            return Self::None;
        }
        if let Some(stated) = stated.and_then(Self::named) {
            return stated;
        }
        let Some(supported) = supported else { return Self::ClientSecretBasic };
        let known = |method: &Self| supported.iter().any(|name| name == method.name());
        let best = Self::ALL.into_iter().map(|(_, method)| method).find(known);
        best.unwrap_or(Self::ClientSecretBasic)
    }
}

/// The scopes to request: those of the challenge, else all that the resource lists; together with those `held` where
/// the challenge asks for more than those allow. `offline_access` where the authorization server has that, so that a
/// token can be renewed.
#[must_use]
pub fn scopes(challenge: &Challenge, of_resource: &[String], held: &[String], of_server: &[String]) -> Vec<String> {
    let base = if challenge.scopes.is_empty() { of_resource } else { &challenge.scopes };
    let held = if challenge.is_step_up { held } else { &[] };
    let mut scopes: Vec<String> = Vec::new();
    for scope in held.iter().chain(base) {
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    const OFFLINE: &str = "offline_access";
    if !scopes.is_empty()
        && of_server.iter().any(|scope| scope == OFFLINE)
        && !scopes.iter().any(|scope| scope == OFFLINE)
    {
        scopes.push(OFFLINE.into());
    }
    scopes
}

/// Fails where an authorization response must not be trusted: `iss` is the issuer of the metadata, letter by letter
/// (RFC 9207, section 2.4), unlike the issuer that another document names.
pub fn check_issuer(expected: &str, is_promised: bool, named: Option<&str>) -> Result<(), &'static str> {
    match named {
        Some(named) if named == expected => Ok(()),
        Some(_) => Err("iss: is not the authorization server that was asked"),
        None if is_promised => Err("iss: is missing, though the authorization server says that it sends it"),
        None => Ok(()),
    }
}

/// True when a token for `resource` is for the server at `url`: the same origin, and the same path or one above it.
#[must_use]
pub fn is_for(resource: &str, url: &str) -> bool {
    let split = |text: &str| origin(text).map(|origin| (origin, path(text)));
    let (Some((above, resource)), Some((below, path))) = (split(resource), split(url)) else { return false };
    let rest = path.strip_prefix(resource.trim_end_matches('/'));
    above == below && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_client_authenticates_as_registered_or_as_the_server_supports() {
        let (basic, post, none) = (list("client_secret_basic"), list("client_secret_post"), list("none"));
        let both = list("none client_secret_post client_secret_basic");
        assert_eq!(ClientAuthentication::chosen(Some(&basic), false, None), ClientAuthentication::None);
        assert_eq!(ClientAuthentication::chosen(Some(&none), true, None), ClientAuthentication::None);
        assert_eq!(ClientAuthentication::chosen(Some(&post), true, None), ClientAuthentication::ClientSecretPost);
        assert_eq!(ClientAuthentication::chosen(Some(&both), true, None), ClientAuthentication::ClientSecretBasic);
        assert_eq!(ClientAuthentication::chosen(None, true, None), ClientAuthentication::ClientSecretBasic);
        assert_eq!(
            ClientAuthentication::chosen(Some(&basic), true, Some("client_secret_post")),
            ClientAuthentication::ClientSecretPost
        );
        assert_eq!(ClientAuthentication::wanted(Some(&both)), ClientAuthentication::None);
        assert_eq!(ClientAuthentication::wanted(Some(&post)), ClientAuthentication::ClientSecretPost);
        assert_eq!(ClientAuthentication::wanted(None), ClientAuthentication::ClientSecretBasic);
    }

    #[test]
    fn scopes_are_those_challenged_then_those_of_the_resource_and_grow_with_a_step_up() {
        let challenged = |scopes: &str, is_step_up| Challenge { scopes: list(scopes), is_step_up, metadata: None };
        assert_eq!(scopes(&challenged("a", false), &list("b c"), &list("h"), &[]), list("a"));
        assert_eq!(scopes(&challenged("", false), &list("b c"), &[], &[]), list("b c"));
        assert_eq!(scopes(&challenged("", false), &[], &[], &list("offline_access")), list(""));
        assert_eq!(
            scopes(&challenged("w", true), &[], &list("r w"), &list("offline_access")),
            list("r w offline_access")
        );
    }

    #[test]
    fn a_response_of_another_issuer_is_not_believed() {
        let issuer = "https://id.example";
        assert!(check_issuer(issuer, true, Some(issuer)).is_ok());
        assert!(check_issuer(issuer, false, None).is_ok());
        for (promised, named) in
            [(true, None), (false, Some("https://evil.example")), (true, Some("https://id.example/"))]
        {
            assert!(check_issuer(issuer, promised, named).is_err(), "{named:?}");
        }
    }

    #[test]
    fn a_resource_is_the_server_or_what_stands_above_it() {
        let url = "https://a.example/mcp/files?x=1";
        for resource in
            ["https://a.example/mcp/files", "https://A.example:443/mcp", "https://a.example", "https://a.example/"]
        {
            assert!(is_for(resource, url), "{resource}");
        }
        for resource in [
            "https://evil.example/mcp/files",
            "http://a.example",
            "https://a.example/mc",
            "https://a.example/mcp/files/x",
        ] {
            assert!(!is_for(resource, url), "{resource}");
        }
    }
}
