//! Authorization servers whose documents are not quite those of the standards: taken, or the member at fault is named.

use super::*;

/// Metadata of an authorization server, with these members in place of its own.
fn metadata_with(members: Value) -> Value {
    let mut metadata = metadata("ORIGIN");
    metadata.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    metadata
}

#[test]
fn an_issuer_with_a_slash_after_its_host_is_the_one_without() {
    let ostler = with_private_addresses();
    for (named, says) in [("ORIGIN/", "ORIGIN"), ("ORIGIN", "ORIGIN/")] {
        let estate = Estate::start();
        let resource = json!({"resource": "ORIGIN/mcp", "authorization_servers": [named]});
        estate.answers("/resource", 200, resource);
        estate.answers("/.well-known/oauth-authorization-server", 200, metadata_with(json!({"issuer": says})));
        let server = wanting(&ostler, &estate);
        // The document is taken as it is meant, `iss` in the browser's address by the letter.
        consent(&server, &named.replace("ORIGIN", &estate.origin())).1.is(400);
        consent(&server, &says.replace("ORIGIN", &estate.origin())).1.is(200);
        server.becomes("running");
        server.call("knock", json!({})).is(200);
    }
}

#[test]
fn a_server_without_metadata_of_its_own_may_name_its_issuer_with_a_slash() {
    let (ostler, estate) = (with_private_addresses(), Estate::start());
    estate.state().is_mute = true;
    let says = metadata_with(json!({"issuer": "ORIGIN/"}));
    estate.answers("/.well-known/oauth-authorization-server", 200, says);
    let server = wanting(&ostler, &estate);
    consent(&server, &format!("{}/", estate.origin())).1.is(200);
    server.becomes("running");
}

#[test]
fn documents_with_nulls_texts_for_numbers_and_missing_members_are_taken() {
    let (ostler, estate) = (with_private_addresses(), Estate::start());
    let resource = json!({"resource": null, "authorization_servers": ["ORIGIN"], "scopes_supported": null});
    estate.answers("/resource", 200, resource);
    let loose = json!({"scopes_supported": null, "code_challenge_methods_supported": "plain S256",
        "token_endpoint_auth_methods_supported": null, "authorization_response_iss_parameter_supported": "true"});
    estate.answers("/.well-known/oauth-authorization-server", 200, metadata_with(loose));
    let client = json!({"client_id": "ostler-1", "client_secret": null, "client_secret_expires_at": "0"});
    estate.answers("/register", 201, client);
    let tokens =
        json!({"access_token": "an-access-token-1", "expires_in": "3600", "refresh_token": null, "scope": null});
    estate.answers("/token", 200, tokens).state().token = Some("an-access-token-1".into());
    let server = wanting(&ostler, &estate);
    consent(&server, &estate.origin()).1.is(200);
    server.becomes("running");
    let details = server.details().is(200).has("/authorization/renewable", false);
    assert!(details.string("/authorization/expiresAt").starts_with("20"));
}

#[test]
fn a_document_that_cannot_be_read_is_named_with_the_member_at_fault() {
    let (ostler, estate) = (with_private_addresses(), Estate::start());
    let place = "/.well-known/openid-configuration";
    let server = wanting(&ostler, &estate);
    let mut lacking = metadata("ORIGIN");
    lacking.as_object_mut().unwrap().remove("token_endpoint");
    estate.answers("/.well-known/oauth-authorization-server", 404, Value::Null).answers(place, 200, lacking);
    let why = || server.caller.post(&server.path("/authorize"), json!({})).problem(503, "server_unavailable").text();
    assert!(why().contains("lacks the member token_endpoint"), "{}", why());
    estate.answers(place, 200, metadata_with(json!({"authorization_endpoint": 7})));
    assert!(why().contains("lacks the member authorization_endpoint"), "{}", why());
    estate.answers(place, 200, metadata_with(json!({"issuer": "https://other.example"})));
    assert!(why().contains("about another issuer, https://other.example"), "{}", why());
}

#[test]
fn a_token_is_renewed_with_the_scopes_that_were_granted() {
    let (ostler, estate) = (with_private_addresses(), Estate::start());
    let grant = |token: &str| json!({"access_token": token, "token_type": "bearer", "expires_in": 0, "refresh_token": "r", "scope": "read"});
    estate.answers("/token", 200, grant("t1")).state().token = Some("t1".into());
    let server = wanting(&ostler, &estate);
    let (asked, answer) = consent(&server, &estate.origin());
    answer.is(200);
    assert_eq!(parameter(&asked, "scope"), "files");
    server.becomes("running");
    server.call("knock", json!({})).is(200);
    server.details().is(200).has("/authorization/scopes", json!(["read"]));
    let asked = estate.state().asked.clone();
    let renewals: Vec<_> = asked.iter().filter(|body| body.contains("grant_type=refresh_token")).collect();
    assert!(!renewals.is_empty() && renewals.iter().all(|body| body.contains("scope=read")), "{asked:?}");
}

#[test]
fn a_forgotten_registration_is_made_again_once_a_renewal_shows_it() {
    let (ostler, estate) = (with_private_addresses(), Estate::start());
    let server = wanting(&ostler, &estate);
    consent(&server, &estate.origin()).1.is(200);
    server.becomes("running");
    estate.answers("/token", 401, json!({"error": "invalid_client"})).state().token = None;
    server.call("knock", json!({}));
    server.becomes("unauthorized");
    estate.state().answers.clear();
    let (asked, answer) = consent(&server, &estate.origin());
    answer.is(200);
    assert_eq!(parameter(&asked, "client_id"), "ostler-2");
    server.becomes("running");
}

#[test]
fn a_registration_with_which_nobody_comes_back_or_no_code_is_exchanged_is_made_again() {
    let (ostler, estate) = (with_private_addresses(), Estate::start());
    let server = wanting(&ostler, &estate);
    let ask = || parameter(&Browser::sent(&server).asked, "client_id").to_owned();
    assert_eq!([ask(), ask()], ["ostler-1", "ostler-2"]);
    estate.answers("/token", 401, json!({"error": "invalid_client"}));
    let (asked, answer) = consent(&server, &estate.origin());
    assert_eq!(parameter(&asked, "client_id"), "ostler-3");
    let refused = answer.problem(503, "server_unavailable");
    assert!(refused.text().contains("authorize the server again"), "{}", refused.text());
    estate.state().answers.clear();
    let (asked, answer) = consent(&server, &estate.origin());
    assert_eq!((parameter(&asked, "client_id"), answer.status), ("ostler-4", 200));
}

#[test]
fn a_renewal_that_a_proxy_answers_costs_no_consent() {
    let (ostler, estate) = (with_private_addresses(), Estate::start());
    let server = wanting(&ostler, &estate);
    consent(&server, &estate.origin()).1.is(200);
    server.becomes("running");
    estate.answers("/token", 404, Value::Null).state().token = None;
    server.call("knock", json!({}));
    server.details().is(200).has("/authorization/renewable", true);
}

#[test]
fn a_server_that_refuses_with_another_status_than_401_wants_consent_if_it_says_where_tokens_are_made() {
    let ostler = with_private_addresses();
    for status in [400, 403] {
        let estate = Estate::start();
        (estate.state().is_mute, estate.state().refuses_with) = (true, Some(status));
        let resource = json!({"resource": "ORIGIN/mcp", "authorization_servers": ["ORIGIN"]});
        estate.answers("/.well-known/oauth-protected-resource/mcp", 200, resource);
        let server = wanting(&ostler, &estate);
        consent(&server, &estate.origin()).1.is(200);
        server.becomes("running");
    }
    let estate = Estate::start();
    (estate.state().is_mute, estate.state().refuses_with) = (true, Some(403));
    register(&ostler, &estate).becomes("restarting");
}

#[test]
fn every_part_of_discovery_can_be_given_for_one_server() {
    let (ostler, estate) = (with_private_addresses(), Estate::start());
    let place = "/.well-known/oauth-authorization-server";
    estate.answers("/resource", 404, Value::Null);
    estate.answers(
        place,
        200,
        metadata_with(json!({"issuer": "ORIGIN/tenant", "code_challenge_methods_supported": null})),
    );
    let server = wanting(&ostler, &estate);
    let refused =
        || server.caller.post(&server.path("/authorize"), json!({})).problem(503, "server_unavailable").text();
    refused();
    // The metadata are at the place of another issuer, which is the one that they name.
    let (origin, nested) = (estate.origin(), "/.well-known/oauth-authorization-server/tenant");
    let metadata = estate.state().answers.remove(place).unwrap();
    estate.answers(nested, metadata.0, metadata.1);
    let issuer = format!("{origin}/tenant");
    server.change(json!({"oauth": {"issuer": issuer}})).is(200).has("/oauth/issuer", issuer.as_str());
    assert!(refused().contains("oauth.pkce"), "{}", refused());
    let client = json!({"clientId": "by-hand", "clientSecret": "s3cret-of-the-client", "scopes": ["api/.default"]});
    let mut given = json!({"issuer": issuer, "pkce": true, "resource": ""});
    given.as_object_mut().unwrap().extend(client.as_object().unwrap().clone());
    server.change(json!({"oauth": given})).is(200).has("/oauth/clientSecret", "***");
    let (asked, answer) = consent(&server, &issuer);
    answer.is(200);
    assert_eq!(
        ["client_id", "scope", "resource"].map(|name| parameter(&asked, name)),
        ["by-hand", "api%2F.default", ""]
    );
    server.becomes("running");
    assert!(!estate.state().asked.iter().any(|body| body.contains("resource=")));
    assert_eq!(estate.state().registered, 0);
}

#[test]
fn a_server_without_any_metadata_is_authorized_by_the_endpoints_that_are_given() {
    let (ostler, estate) = (with_private_addresses(), Estate::start());
    estate.state().is_mute = true;
    estate.answers("/.well-known/oauth-authorization-server", 404, Value::Null);
    let server = wanting(&ostler, &estate);
    let at = |path: &str| format!("{}{path}", estate.origin());
    let oauth = json!({"authorizationEndpoint": at("/login"), "tokenEndpoint": at("/token"),
        "registrationEndpoint": at("/register")});
    server.change(json!({"oauth": oauth})).is(200);
    let (asked, answer) = consent(&server, &estate.origin());
    answer.is(200);
    assert!(asked.starts_with(&at("/login?")), "{asked}");
    server.becomes("running");
    server.call("knock", json!({})).is(200);
    server.change(json!({"oauth": {"tokenEndpoint": "http://elsewhere.example/token"}})).is(422);
}

#[test]
fn a_client_secret_outside_of_ostler_is_fetched_for_an_authorization() {
    use base64::{Engine, prelude::BASE64_STANDARD};

    let (secret, allowed) = (("CLIENT_SECRET", "of-a-variable-0123"), ("OSTLER_SECRET_VARIABLES", "CLIENT_SECRET"));
    let (ostler, estate) = (Ostler::with(&[("MCP_PRIVATE_ADDRESSES", "true"), secret, allowed]), Estate::start());
    let server = wanting(&ostler, &estate);
    let client = |secret: &str| json!({"oauth": {"clientId": "by-hand", "clientSecret": secret}});
    let refused = server.change(client("${env:OTHER}")).problem(422, "validation_failed");
    refused.has("/errors/0/pointer", "/oauth/clientSecret");
    server.change(client("${env:CLIENT_SECRET}")).is(200).has("/oauth/clientSecret", "${env:CLIENT_SECRET}");
    consent(&server, &estate.origin()).1.is(200);
    server.becomes("running");
    let sent = estate.upstream.seen().into_iter().find(|seen| seen.target == "/token").unwrap();
    let basic = format!("Basic {}", BASE64_STANDARD.encode("by-hand:of-a-variable-0123"));
    assert_eq!(sent.header("authorization"), Some(basic.as_str()));
}
