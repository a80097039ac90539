//! Servers at an address that want somebody's consent: they wait for it, get it in a browser, and keep it.

mod strangers;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use crate::support::{
    backends::on_both_databases,
    upstream::{Then, Upstream},
    *,
};

/// A server, and the authorization server that makes tokens for it.
pub(crate) struct Estate {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Tokens made.
    made: u32,
    /// What is taken now.
    token: Option<String>,
    /// Whether a token can be renewed.
    renews: bool,
    /// How long tokens hold, in seconds.
    holds: u32,
    /// Bodies that came to the authorization server.
    asked: Vec<String>,
    /// Whether its challenge names no metadata, and it has none.
    is_mute: bool,
    /// Status with which it refuses requests without a token, in place of 401.
    refuses_with: Option<u16>,
    /// Clients registered.
    registered: u32,
    /// Answers in place of its own, by path; `ORIGIN` in them stands for where it is.
    answers: HashMap<&'static str, (u16, Value)>,
}

impl Estate {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State { renews: true, holds: 3600, ..State::default() }));
        let shared = state.clone();
        let upstream = Upstream::start(move |seen, wire| {
            let (body, _) = wire.body_of(&seen.headers);
            let body = String::from_utf8(body).unwrap();
            let origin = format!("http://{}", seen.header("host").unwrap());
            let mut state = shared.lock().unwrap();
            let answer = match seen.target.as_str() {
                path if state.answers.contains_key(path) => {
                    let (status, document) = state.answers[path].clone();
                    state.asked.push(body);
                    (status, serde_json::from_str(&document.to_string().replace("ORIGIN", &origin)).unwrap())
                }
                "/mcp" => state.serve(&origin, seen.header("authorization"), &body),
                "/resource" if !state.is_mute => {
                    (200, json!({"resource": format!("{origin}/mcp"), "authorization_servers": [origin]}))
                }
                "/.well-known/oauth-authorization-server" => (200, metadata(&origin)),
                "/register" => {
                    state.registered += 1;
                    let id = format!("ostler-{}", state.registered);
                    (201, json!({"client_id": id, "client_secret": "a-client-secret"}))
                }
                "/token" => state.make(body),
                _ => (404, Value::Null),
            };
            let named =
                if state.is_mute { String::new() } else { format!(", resource_metadata=\"{origin}/resource\"") };
            let challenge = format!("Bearer scope=\"files\"{named}");
            let (status, text) = (answer.0, if answer.1.is_null() { String::new() } else { answer.1.to_string() });
            wire.send(format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nWWW-Authenticate: {challenge}\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            ));
            Then::Keep
        });
        Self { upstream, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.upstream.address)
    }

    fn origin(&self) -> String {
        format!("http://{}", self.upstream.address)
    }

    /// Has this path answered so from now on.
    fn answers(&self, path: &'static str, status: u16, document: Value) -> &Self {
        self.state().answers.insert(path, (status, document));
        self
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn serve(&mut self, _: &str, authorization: Option<&str>, body: &str) -> (u16, Value) {
        let wanted = self.token.as_ref().map(|token| format!("Bearer {token}"));
        if wanted.is_none() || authorization != wanted.as_deref() {
            return (self.refuses_with.unwrap_or(401), Value::Null);
        }
        let Ok(request) = serde_json::from_str::<Value>(body) else { return (405, Value::Null) };
        let result = match request["method"].as_str().unwrap_or_default() {
            "initialize" => {
                json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "e", "version": "1"}})
            }
            "tools/list" => json!({"tools": [{"name": "knock", "inputSchema": {"type": "object"}}]}),
            "tools/call" => json!({"content": [{"type": "text", "text": "come in"}]}),
            "ping" => json!({}),
            method if method.starts_with("notifications/") => return (202, Value::Null),
            _ => {
                return (
                    200,
                    json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "no"}}),
                );
            }
        };
        (200, json!({"jsonrpc": "2.0", "id": request["id"], "result": result}))
    }

    fn make(&mut self, body: String) -> (u16, Value) {
        let renewing = body.contains("grant_type=refresh_token");
        self.asked.push(body);
        if renewing && !self.renews {
            return (400, json!({"error": "invalid_grant"}));
        }
        self.made += 1;
        let token = format!("an-access-token-{}", self.made);
        self.token = Some(token.clone());
        (
            200,
            json!({"access_token": token, "token_type": "Bearer", "expires_in": self.holds, "refresh_token": "a-refresh-token"}),
        )
    }
}

fn metadata(origin: &str) -> Value {
    json!({
        "issuer": origin, "authorization_endpoint": format!("{origin}/authorize"),
        "token_endpoint": format!("{origin}/token"), "registration_endpoint": format!("{origin}/register"),
        "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_response_iss_parameter_supported": true,
    })
}

/// The value of a parameter, as it stands there.
fn parameter<'a>(url: &'a str, name: &str) -> &'a str {
    let query = url.split_once('?').unwrap().1;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
}

/// A browser that was sent to an authorization server.
struct Browser<'a> {
    caller: &'a Caller,
    cookie: String,
    /// Where it was sent.
    asked: String,
}

impl<'a> Browser<'a> {
    /// Asks for a consent, opens Ostler's page about it, and goes on from there.
    fn sent(server: &'a Server) -> Self {
        let asked = server.caller.post(&server.path("/authorize"), json!({})).is(200);
        Self::opening(&server.caller, &asked.string("/authorizationUrl"))
    }

    fn opening(caller: &'a Caller, authorization_url: &str) -> Self {
        let place = authorization_url.find("/oauth/consent").unwrap();
        let page = caller.get(&authorization_url[place..]).is(200);
        // Another site may lead here; the way back is open to whoever pressed the button.
        assert_eq!(page.header("set-cookie"), None);
        assert!(page.text().contains("<form method=\"post\">"), "{page:?}");
        let press = || caller.ask("POST", &authorization_url[place..]);
        press().header("Origin", "https://elsewhere.example").send().problem(403, "forbidden");
        let sent = press().send().is(303);
        let cookie = sent.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        let asked = sent.header("location").unwrap().to_owned();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { caller, cookie, asked }
    }

    /// Comes back with this query, `state` but for.
    fn comes_back(&self, query: &str) -> Answer {
        let back = format!("/oauth/callback?{query}&state={}", parameter(&self.asked, "state"));
        self.caller.ask("GET", &back).header("Cookie", &self.cookie).send()
    }
}

/// Asks for a consent and gives it, saying to be this issuer; where the browser was sent, and how it was received.
fn consent(server: &Server, issuer: &str) -> (String, Answer) {
    let browser = Browser::sent(server);
    let answer = browser.comes_back(&format!("code=a-code&iss={issuer}"));
    (browser.asked, answer)
}

fn with_private_addresses() -> Ostler {
    Ostler::with(&[("MCP_PRIVATE_ADDRESSES", "true")])
}

/// Registers the server, and waits until it wants consent.
fn wanting(ostler: &Ostler, estate: &Estate) -> Server {
    let server = register(ostler, estate);
    server.becomes("unauthorized");
    server
}

fn register(ostler: &Ostler, estate: &Estate) -> Server {
    let id = ostler.admin().post("/api/mcp", json!({"name": "far", "url": estate.url()})).is(201).string("/id");
    ostler.admin().server(&id)
}

on_both_databases! {
    fn a_server_that_wants_consent_waits_for_it_gets_it_once_and_keeps_it(setup: Setup) {
        let estate = Estate::start();
        let mut ostler = setup.env("MCP_PRIVATE_ADDRESSES", "true").spawn();
        let server = register(&ostler, &estate);
        server.becomes("unauthorized");
        let seen = server.details().is(200).has("/authorization/wanted", true).has("/runtimeStatus/restarts", 0);
        seen.has("/authorization/wantedScopes", json!(["files"])).has("/server/healthStatus", "ERROR");
        let origin = format!("http://{}", estate.upstream.address);

        let (asked, answer) = consent(&server, &origin);
        answer.is(200);
        assert!(asked.starts_with(&format!("{origin}/authorize?response_type=code&client_id=ostler-1&")), "{asked}");
        assert_eq!([parameter(&asked, "scope"), parameter(&asked, "code_challenge_method")], ["files", "S256"]);
        server.becomes("running");
        server.call("knock", json!({})).is(200);
        server.details().is(200).has("/authorization/wanted", false).has("/authorization/issuer", origin);
        let told = estate.state().asked.clone();
        assert!(told[0].contains("code=a-code") && told[0].contains("code_verifier="), "{told:?}");
        assert!(estate.upstream.seen().iter().any(|seen| seen.header("authorization").is_some_and(|it| it.starts_with("Basic "))));

        ostler.terminate();
        ostler.start_again();
        let server = ostler.admin().server(&server.id);
        server.becomes("running");
        assert_eq!(estate.state().made, 1, "what was consented to is kept");
    }
}

#[test]
fn a_token_that_is_refused_is_renewed_and_else_the_server_waits_again() {
    let estate = Estate::start();
    let ostler = with_private_addresses();
    let server = wanting(&ostler, &estate);
    consent(&server, &format!("http://{}", estate.upstream.address)).1.is(200);
    server.becomes("running");
    estate.state().token = Some("another".into());
    server.call("knock", json!({})).is(200);
    assert_eq!(estate.state().made, 2);
    {
        let mut state = estate.state();
        (state.token, state.renews) = (None, false);
    }
    let refused = server.call("knock", json!({}));
    assert!(refused.text().contains("authorize"), "{}", refused.text());
    server.becomes("unauthorized");
    server.caller.delete(&server.path("/authorize")).is(204);
    server.details().is(200).lacks("/authorization/issuer");
}

#[test]
fn a_token_is_renewed_before_it_ends() {
    let estate = Estate::start();
    estate.state().holds = 0;
    let ostler = with_private_addresses();
    let server = wanting(&ostler, &estate);
    consent(&server, &format!("http://{}", estate.upstream.address)).1.is(200);
    server.becomes("running");
    server.call("knock", json!({})).is(200);
    let asked = estate.state().asked.clone();
    let renewal = asked.iter().find(|body| body.contains("grant_type=refresh_token")).expect("it was not renewed");
    assert!(renewal.contains("refresh_token=a-refresh-token") && renewal.contains("resource=http"), "{renewal}");
    server.details().is(200).has("/authorization/wanted", false);
}

#[test]
fn what_comes_back_is_believed_once_and_from_the_right_place_only() {
    let estate = Estate::start();
    let ostler = with_private_addresses();
    let server = wanting(&ostler, &estate);
    let browser = Browser::sent(&server);
    browser.comes_back("code=a-code&iss=https://evil.example").problem(400, "malformed_request");
    let good = format!("code=a-code&iss={}", estate.origin());
    browser.comes_back(&good).problem(400, "malformed_request");
    for state in ["", "x", &"A".repeat(120)] {
        ostler.anonymous().get(&format!("/oauth/callback?{good}&state={state}")).problem(400, "malformed_request");
        ostler.anonymous().get(&format!("/oauth/consent?state={state}")).problem(400, "malformed_request");
    }
    let denied = format!("error=access_denied&iss={}", estate.origin());
    Browser::sent(&server).comes_back(&denied).problem(403, "forbidden");
    assert_eq!(estate.state().made, 0);
    assert_eq!(server.status(), "unauthorized");
}

#[test]
fn only_a_browser_that_saw_who_asks_and_for_which_server_brings_a_consent_back() {
    let estate = Estate::start();
    let ostler = with_private_addresses();
    let server = wanting(&ostler, &estate);
    let asked = server.caller.post(&server.path("/authorize"), json!({})).is(200).string("/authorizationUrl");
    let stranger = ostler.anonymous();
    let page = stranger.get(&asked[asked.find("/oauth/consent").unwrap()..]).is(200).text();
    for told in ["admin@", "<b>far</b>", &estate.url(), &estate.origin(), "<b>files</b>"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let (browser, good) = (Browser::opening(&stranger, &asked), format!("code=a-code&iss={}", estate.origin()));
    let cookies = ["", "a=b", &browser.cookie[..browser.cookie.len() - 1]];
    for cookie in cookies {
        let other = Browser { caller: &stranger, cookie: cookie.to_owned(), asked: browser.asked.clone() };
        other.comes_back(&good).problem(400, "malformed_request");
    }
    assert_eq!(estate.state().made, 0);
    browser.comes_back(&good).is(200);
    server.becomes("running");
}

#[test]
fn a_consent_is_void_once_who_asked_for_it_may_not() {
    let estate = Estate::start();
    let ostler = with_private_addresses();
    let server = wanting(&ostler, &estate);
    let (admin, guest) = (ostler.admin(), ostler.user("developer"));
    let share = json!({"userId": guest.id, "permissions": ["mcp:read", "mcp:write"]});
    admin.post(&server.path("/shares"), share.clone()).any_of(&[200, 201]);
    let (theirs, good) = (server.seen_by(&guest), format!("code=a-code&iss={}", estate.origin()));
    let browser = Browser::sent(&theirs);
    admin.delete(&server.path(&format!("/shares/{}", guest.id))).is(204);
    browser.comes_back(&good).problem(400, "malformed_request");
    admin.post(&server.path("/shares"), share).any_of(&[200, 201]);
    let browser = Browser::sent(&theirs);
    guest.press("/api/auth/logout").is(204);
    browser.comes_back(&good).problem(400, "malformed_request");
    assert_eq!((estate.state().made, server.status().as_str()), (0, "unauthorized"));
}

#[test]
fn no_token_is_shown_logged_or_stored_in_clear() {
    let estate = Estate::start();
    let mut ostler = Ostler::with(&[("MCP_PRIVATE_ADDRESSES", "true"), ("RUST_LOG", "ostler=trace")]);
    let server = wanting(&ostler, &estate);
    consent(&server, &format!("http://{}", estate.upstream.address)).1.is(200);
    server.becomes("running");
    server.call("knock", json!({})).is(200);
    let shown = server.details().is(200).text() + &server.output() + &ostler.errors();
    ostler.terminate();
    let file = ostler.setup.database_file();
    let log = std::fs::read(file.with_extension("db-wal")).unwrap_or_default();
    let stored = [std::fs::read(file).unwrap(), log, shown.into_bytes()].concat();
    for secret in ["an-access-token", "a-refresh-token", "a-client-secret", "a-code"] {
        assert!(memchr::memmem::find(&stored, secret.as_bytes()).is_none(), "{secret}");
    }
}

#[test]
fn only_who_may_write_asks_for_consent_and_only_at_addresses_that_servers_may_be_at() {
    let estate = Estate::start();
    let ostler = Ostler::spawn();
    let url = estate.url().replace("127.0.0.1", "localhost");
    let id = ostler.admin().post("/api/mcp", json!({"name": "far", "url": url})).is(201).string("/id");
    let server = ostler.admin().server(&id);
    server.becomes("restarting");
    let refused = server.caller.post(&server.path("/authorize"), json!({})).problem(503, "server_unavailable");
    assert!(refused.text().contains("MCP_PRIVATE_ADDRESSES"), "{}", refused.text());
    assert_eq!(estate.upstream.seen().len(), 0);
    let viewer = ostler.user("viewer");
    let share = json!({"userId": viewer.get("/api/auth/me").is(200).string("/id"), "permissions": ["mcp:read"]});
    server.caller.post(&server.path("/shares"), share).is(201);
    viewer.post(&server.path("/authorize"), json!({})).problem(403, "forbidden");
    let local = ostler.admin().post("/api/mcp", json!({"name": "n", "command": "true", "enabled": false})).is(201);
    let local = format!("/api/mcp/{}/authorize", local.string("/id"));
    ostler.admin().post(&local, json!({})).problem(409, "conflict");
    ostler.anonymous().get("/oauth/client.json").problem(404, "not_found");
}

#[test]
fn authorization_servers_can_read_who_ostler_is() {
    let ostler = Ostler::with(&[("OSTLER_PUBLIC_URL", "https://ostler.example")]);
    let document = ostler.anonymous().get("/oauth/client.json").is(200);
    let document = document.has("/client_id", "https://ostler.example/oauth/client.json");
    document.has("/redirect_uris", json!(["https://ostler.example/oauth/callback"]));
}
