//! Tokens of an OAuth issuer at the front door: taken, refused, and how a client learns where to get one.

use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use crate::support::{
    backends::on_both_databases,
    upstream::{Then, Upstream, ok},
    *,
};

const AUDIENCE: &str = "https://ostler.example/mcp";

/// An issuer that signs with one key at a time.
pub(crate) struct Issuer {
    upstream: Upstream,
    key: Arc<Mutex<Key>>,
}

struct Key {
    id: String,
    pair: Ed25519KeyPair,
}

impl Key {
    fn new(id: &str) -> Self {
        Self { id: id.into(), pair: Ed25519KeyPair::generate().unwrap() }
    }

    fn public(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.id, "x": x})
    }
}

impl Issuer {
    pub(crate) fn start() -> Self {
        let key = Arc::new(Mutex::new(Key::new("first")));
        let signing = key.clone();
        let upstream = Upstream::start(move |seen, wire| {
            let origin = format!("http://{}", seen.header("host").unwrap());
            match seen.target.as_str() {
                "/.well-known/openid-configuration" => {
                    wire.send(ok(&json!({"issuer": origin, "jwks_uri": format!("{origin}/keys")}).to_string()));
                }
                "/keys" => {
                    wire.send(ok(&json!({"keys": [{"kty": "odd"}, signing.lock().unwrap().public()]}).to_string()))
                }
                _ => wire.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            }
            Then::Keep
        });
        Self { upstream, key }
    }

    fn url(&self) -> String {
        format!("http://{}", self.upstream.address)
    }

    pub(crate) fn trusted_by(&self, setup: Setup) -> Setup {
        setup.env("OSTLER_OAUTH_ISSUER", &self.url()).env("OSTLER_OAUTH_AUDIENCE", AUDIENCE)
    }

    /// What a good token says, with some claims changed; `null` takes one out.
    fn claims(&self, change: Value) -> Value {
        let mut claims = json!({
            "iss": self.url(), "sub": "1", "aud": [AUDIENCE, "other"], "exp": 9_999_999_999_u64, "nbf": 1,
            "email": "Ann@Example.com", "email_verified": true, "name": "Ann", "roles": ["staff", "executor"],
        });
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    }

    pub(crate) fn token(&self, change: Value) -> String {
        let key = self.key.lock().unwrap();
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::EdDSA) };
        let signing = EncodingKey::from_ed_der(key.pair.to_pkcs8v1().unwrap().as_ref());
        encode(&header, &self.claims(change), &signing).unwrap()
    }
}

fn initialize(caller: &Caller) -> Answer {
    let params =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
    caller.ask("POST", "/mcp").header("Accept", "application/json, text/event-stream").json(&request).send()
}

on_both_databases! {
    fn the_holder_of_a_token_gets_an_account_with_the_role_it_names(setup: Setup) {
        let issuer = Issuer::start();
        let ostler = issuer.trusted_by(setup).spawn();
        let ann = ostler.anonymous().with_token(&issuer.token(json!({})));
        let me = ann.get("/api/auth/me").is(200).has("/email", "ann@example.com").has("/role", "executor");
        let again = ostler.anonymous().with_token(&issuer.token(json!({"name": "Another"})));
        again.get("/api/auth/me").is(200).has("/id", me.string("/id")).has("/name", "Ann");
        initialize(&ann).is(200);
        ann.post("/api/mcp", json!({"name": "a", "command": "b"})).problem(403, "forbidden");
        ann.try_log_in("ann@example.com", "").any_of(&[401, 422]);
        ostler.admin().put(&format!("/api/auth/users/{}", me.string("/id")), json!({"disabled": true})).is(200);
        ann.get("/api/auth/me").problem(401, "unauthenticated");
        let log = ostler.admin().get("/api/audit?action=user.create").is(200).text();
        assert!(log.contains("ann@example.com: first seen with a token of the OAuth issuer"), "{log}");
    }

    fn who_has_no_role_is_turned_away_unless_there_is_a_default(setup: Setup) {
        let issuer = Issuer::start();
        let without = issuer.token(json!({"roles": null}));
        let ostler = issuer.trusted_by(setup).env("OSTLER_OAUTH_DEFAULT_ROLE", "viewer").spawn();
        ostler.anonymous().with_token(&without).get("/api/auth/me").is(200).has("/role", "viewer");
        let unverified = issuer.token(json!({"email": "b@example.com", "email_verified": false}));
        ostler.anonymous().with_token(&unverified).get("/api/auth/me").problem(403, "forbidden");
    }
}

#[test]
fn only_tokens_of_the_issuer_for_us_that_hold_now_are_taken() {
    let issuer = Issuer::start();
    let ostler = issuer.trusted_by(Setup::new()).spawn();
    let refused = |token: &str, what: &str| {
        let answer = ostler.anonymous().with_token(token).get("/api/auth/me");
        assert_eq!(answer.status, 401, "{what}");
    };
    for change in [
        json!({"aud": "other"}),
        json!({"aud": null}),
        json!({"iss": "https://elsewhere.example"}),
        json!({"exp": 1}),
        json!({"exp": "9999999999"}),
        json!({"exp": null}),
        json!({"nbf": 9_999_999_999_u64}),
        json!({"nbf": "1"}),
        json!({"sub": null}),
    ] {
        refused(&issuer.token(change.clone()), &change.to_string());
    }
    let good = issuer.token(json!({}));
    let (rest, _) = good.rsplit_once('.').unwrap();
    refused(&format!("{rest}."), "no signature");
    refused(&format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", rest.split_once('.').unwrap().1), "unsigned");
    let secret = issuer.key.lock().unwrap().public()["x"].as_str().unwrap().to_owned();
    let symmetric =
        encode(&Header::new(Algorithm::HS256), &issuer.claims(json!({})), &EncodingKey::from_secret(secret.as_bytes()));
    refused(&symmetric.unwrap(), "signed with the public key");
    ostler.anonymous().with_token(&good).get("/api/auth/me").is(200);
}

#[test]
fn scopes_narrow_what_a_token_allows_and_a_better_one_is_asked_for() {
    let issuer = Issuer::start();
    let ostler = issuer.trusted_by(Setup::new()).env("OSTLER_OAUTH_ROLE_CLAIM", "realm_access.roles").spawn();
    let roles = json!({"roles": ["developer"]});
    let token = |scope: &str| issuer.token(json!({"realm_access": roles, "scope": scope}));
    let narrow = ostler.anonymous().with_token(&token("openid gateway:read"));
    narrow.get("/api/auth/me").is(200).has("/role", "developer");
    narrow.get("/api/mcp").problem(403, "forbidden");
    let wide = ostler.anonymous().with_token(&token("openid"));
    wide.get("/api/mcp").is(200);
    wide.post("/api/auth/keys", json!({"name": "k"})).problem(403, "forbidden");
    wide.press("/api/auth/logout").problem(403, "forbidden");
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}});
    let answer = narrow
        .ask("POST", "/mcp")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/list")
        .json(&list)
        .send();
    assert_eq!(answer.status, 403, "{answer:?}");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    assert!(challenge.contains(r#"scope="mcp:read mcp:execute gateway:read""#), "{challenge}");
}

#[test]
fn a_client_without_a_token_learns_where_to_get_one() {
    let issuer = Issuer::start();
    let ostler = issuer.trusted_by(Setup::new()).spawn();
    let challenge = initialize(&ostler.anonymous()).is(401).header("www-authenticate").unwrap().to_owned();
    let metadata = "https://ostler.example/.well-known/oauth-protected-resource/mcp";
    assert_eq!(challenge, format!(r#"Bearer resource_metadata="{metadata}", scope="mcp:read mcp:execute""#));
    let bad =
        initialize(&ostler.anonymous().with_token("ostler_x")).is(401).header("www-authenticate").unwrap().to_owned();
    assert!(bad.contains(r#"error="invalid_token""#), "{bad}");
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
        let answer = ostler.anonymous().get(path).is(200).has("/resource", AUDIENCE);
        let answer = answer.has("/authorization_servers/0", issuer.url()).has("/bearer_methods_supported/0", "header");
        // Some clients ask for every one of them.
        answer.has("/scopes_supported", json!(["mcp:read", "mcp:execute"]));
    }
    assert_eq!(ostler.anonymous().get("/api/mcp").header("www-authenticate"), Some("Bearer"));

    let plain = Ostler::spawn();
    assert_eq!(initialize(&plain.anonymous()).is(401).header("www-authenticate"), Some("Bearer"));
    plain.anonymous().get("/.well-known/oauth-protected-resource").problem(404, "not_found");
    plain.anonymous().with_token(&issuer.token(json!({}))).get("/api/auth/me").problem(401, "unauthenticated");
}

#[test]
fn a_new_key_of_the_issuer_is_found_and_one_that_is_gone_counts_no_more() {
    let issuer = Issuer::start();
    let ostler = issuer.trusted_by(Setup::new()).spawn();
    let first = issuer.token(json!({}));
    ostler.anonymous().with_token(&first).get("/api/auth/me").is(200);
    *issuer.key.lock().unwrap() = Key::new("second");
    let second = issuer.token(json!({}));
    ostler.anonymous().with_token(&second).get("/api/auth/me").is(200);
    let late = issuer.token(json!({"name": "x"}));
    *issuer.key.lock().unwrap() = Key::new("third");
    ostler.anonymous().with_token(&late).get("/api/auth/me").is(200);
    ostler.anonymous().with_token(&issuer.token(json!({}))).get("/api/auth/me").is(200);
    let asked = issuer.upstream.seen().iter().filter(|seen| seen.target == "/keys").count();
    assert_eq!(asked, 3);
}
