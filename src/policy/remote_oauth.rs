//! Checks of the OAuth of a remote server, as its owner writes it.

use crate::{
    error::Faults,
    model::RemoteOAuth,
    policy::{
        issuer::is_safe,
        remote::{URL_BYTES_MAX, refuse_url},
    },
};

/// Most scopes to request.
const SCOPES_MAX: usize = 100;

/// Everything about it that cannot be accepted, by its place in the JSON of a request.
pub fn check(faults: &mut Faults, oauth: &RemoteOAuth) {
    let RemoteOAuth { issuer, authorization_endpoint, token_endpoint, registration_endpoint, .. } = oauth;
    let places = [
        ("/oauth/issuer", issuer),
        ("/oauth/authorizationEndpoint", authorization_endpoint),
        ("/oauth/tokenEndpoint", token_endpoint),
        ("/oauth/registrationEndpoint", registration_endpoint),
    ];
    for (place, url) in places {
        let fits = url.as_ref().is_none_or(|url| refuse_url(url).is_none() && is_safe(url));
        faults.check(fits, place, "must be an https URL, or an http one on this machine");
    }
    let RemoteOAuth { resource, scopes, client_id, client_secret, .. } = oauth;
    let resource = resource.as_deref().filter(|resource| !resource.is_empty());
    let why = "must be an http or https URL, or empty";
    faults.check(resource.is_none_or(|resource| refuse_url(resource).is_none()), "/oauth/resource", why);
    let is_scope = |scope: &String| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic());
    let scopes = scopes.as_deref().unwrap_or_default();
    let fit = scopes.len() <= SCOPES_MAX && scopes.iter().all(is_scope);
    faults.check(fit, "/oauth/scopes", "must be at most 100 words of visible ASCII");
    let fits = |text: &Option<String>| text.as_ref().is_none_or(|text| (1..=URL_BYTES_MAX).contains(&text.len()));
    faults.check(fits(client_id), "/oauth/clientId", "must be 1 to 2048 bytes");
    let is_of_client = client_id.is_some() || client_secret.is_none();
    faults.check(is_of_client, "/oauth/clientSecret", "must not be given without a clientId");
    faults.check(fits(client_secret), "/oauth/clientSecret", "must be 1 to 2048 bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(oauth: RemoteOAuth) -> Vec<String> {
        let mut faults = Faults::default();
        check(&mut faults, &oauth);
        faults.0.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn endpoints_are_encrypted_and_a_secret_has_a_client() {
        let text = |text: &str| Some(text.to_owned());
        let (issuer, resource) = (text("https://login.example/tenant/v2.0"), text(""));
        let token_endpoint = text("http://localhost:9/token");
        let scopes = Some(vec!["api://app/.default".to_owned()]);
        let good = RemoteOAuth { issuer, resource, token_endpoint, scopes, ..RemoteOAuth::default() };
        assert_eq!(pointers(good), [""; 0]);
        let bad = RemoteOAuth {
            issuer: text("http://login.example"),
            authorization_endpoint: text("login"),
            resource: text("app"),
            scopes: Some(vec!["a b".into()]),
            client_secret: text("s"),
            ..RemoteOAuth::default()
        };
        let places = ["issuer", "authorizationEndpoint", "resource", "scopes", "clientSecret"];
        assert_eq!(pointers(bad), places.map(|place| format!("/oauth/{place}")));
    }
}
