//! Who may use a service, and how often.

use super::Front;
use crate::support::{
    Caller, Ostler, json,
    upstream::{Then, Upstream},
};

#[test]
fn a_service_takes_the_same_users_and_keys_as_everything_else() {
    let upstream = Upstream::saying("hello");
    let front = Front::with(&[&upstream], json!({"authentication": true}));
    front.ostler.anonymous().get("/s/x").problem(401, "unauthenticated");
    front.ostler.anonymous().with_token("nonsense").get("/s/x").problem(401, "unauthenticated");
    assert!(upstream.seen().is_empty());
    let viewer = front.ostler.user("viewer");
    viewer.get("/s/x").is(200);
    let seen = upstream.last();
    assert_eq!((seen.header("x-ostler-user"), seen.header("authorization")), (Some(viewer.email.as_str()), None));
    viewer.make_key(&["gateway:read"]).get("/s/x").is(200);
}

#[test]
fn a_page_from_elsewhere_cannot_use_the_session_cookie() {
    let upstream = Upstream::saying("hello");
    let front = Front::with(&[&upstream], json!({"authentication": true}));
    let cookie = format!("ostler_session={}", front.ostler.admin().token.unwrap());
    let ask = |method: &str| front.ostler.anonymous().ask(method, "/s/x").header("Cookie", &cookie);
    ask("GET").send().is(200);
    ask("POST").send().problem(403, "forbidden");
    ask("POST").header("Sec-Fetch-Site", "cross-site").send().problem(403, "forbidden");
    ask("POST").header("Sec-Fetch-Site", "same-origin").send().is(200);
    assert_eq!(upstream.last().header("cookie"), None);
}

#[test]
fn a_page_of_an_allowed_origin_may_ask_before_it_authenticates() {
    let upstream = Upstream::saying("hello");
    let ostler = Ostler::with(&[("OSTLER_ALLOWED_ORIGINS", "https://app.example")]);
    let front = Front::on(ostler, &[&upstream], json!({"authentication": true}));
    let preflight = |origin: &str| {
        let ask = front.ostler.anonymous().ask("OPTIONS", "/s/x").header("Origin", origin);
        let ask = ask.header("Access-Control-Request-Method", "PATCH");
        ask.header("Access-Control-Request-Headers", "authorization,x-own").send()
    };
    let allowed = preflight("https://app.example").is(204);
    let header = |name: &str| allowed.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("access-control-allow-origin"), "https://app.example");
    assert_eq!(header("access-control-allow-methods"), "PATCH");
    assert_eq!(header("access-control-allow-headers"), "authorization,x-own");
    assert!(allowed.header("content-length").is_none() && upstream.seen().is_empty(), "{allowed:?}");
    let refused = preflight("https://evil.example").problem(403, "forbidden");
    assert!(refused.string("/detail").contains("OSTLER_ALLOWED_ORIGINS"), "{refused:?}");
    assert_eq!(refused.header("access-control-allow-origin"), None);

    let from = |caller: &Caller, origin: &str| caller.ask("PATCH", "/s/x").header("Origin", origin).send();
    let viewer = front.ostler.user("viewer");
    let answer = from(&viewer, "https://app.example").is(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(from(&viewer, "https://evil.example").is(200).header("access-control-allow-origin"), None);
    let unknown = from(&front.ostler.anonymous(), "https://app.example").problem(401, "unauthenticated");
    assert_eq!(unknown.header("access-control-allow-origin"), Some("https://app.example"));
}

#[test]
fn an_instance_that_answers_pages_itself_is_left_to_it() {
    let own = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\n\r\n";
    let upstream = Upstream::start(move |_, wire| {
        wire.send(own);
        Then::Keep
    });
    let ostler = Ostler::with(&[("OSTLER_ALLOWED_ORIGINS", "https://app.example")]);
    let front = Front::on(ostler, &[&upstream], json!({"authentication": true}));
    let ask = front.ostler.admin().ask("GET", "/s/x").header("Origin", "https://app.example");
    let answer = ask.send().is(200);
    let allowed = answer.headers.iter().filter(|(name, _)| name == "access-control-allow-origin");
    assert_eq!(allowed.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["*"]);
    // Without authentication there is nothing to ask first, and the instance answers alone.
    let open = Front::with(&[&upstream], json!({}));
    let preflight = open.ostler.anonymous().ask("OPTIONS", "/s/x").header("Origin", "https://app.example");
    preflight.header("Access-Control-Request-Method", "PATCH").send().is(200);
    assert!(upstream.last().raw.starts_with("OPTIONS /s/x "));
}

#[test]
fn each_caller_has_a_limit_of_its_own() {
    let upstream = Upstream::saying("hello");
    let fields = json!({"authentication": true, "rateLimit": {"windowMs": 60_000, "max": 3}});
    let front = Front::on(Ostler::spawn(), &[&upstream], fields);
    let (one, other) = (front.ostler.user("viewer"), front.ostler.user("executor"));
    for _ in 0..3 {
        one.get("/s/x").is(200);
    }
    let refused = one.get("/s/x").problem(429, "rate_limited");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() <= 60, "{refused:?}");
    assert!(refused.header("ratelimit").unwrap().contains("r=0"), "{refused:?}");
    assert!(refused.header("ratelimit-policy").unwrap().contains("q=3;w=60"), "{refused:?}");
    other.get("/s/x").is(200);
    assert_eq!(upstream.seen().len(), 4);
}

#[test]
fn no_spelling_of_a_path_leads_round_the_rules_of_a_service() {
    let upstream = Upstream::saying("hello");
    let front = Front::of(&upstream);
    let instance = json!([{"host": "127.0.0.1", "port": upstream.port()}]);
    let admin = json!({"name": "admin", "basePath": "/s/admin", "instances": instance});
    front.ostler.admin().post("/api/gateway/services", admin).is(201);
    let mut wire = front.wire();
    wire.get("/s/admin/x").problem(401, "unauthenticated");
    for spelling in ["admin;a=b", "admin%3Ba", "%61dmin;a", ";a/admin", "admin;a%2Fx", "admin.", "admin%20", "/admin"] {
        wire.get(&format!("/s/{spelling}/x")).problem(400, "malformed_request");
    }
    assert!(upstream.seen().is_empty());
    for fine in ["/s/x;a=b/y", "/s/administrator;a", "/s/x%2Fadmin", "/s/a./b%20"] {
        wire.get(fine).is(200);
        assert_eq!(upstream.last().target, fine);
    }
}
