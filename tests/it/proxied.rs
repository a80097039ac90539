//! Ostler behind a proxy, and beside another one: which pages are its own, whose word counts, whose cookie it is.

use crate::support::*;

/// A POST with the session cookie, from a page of `origin` in a browser that sends no `Sec-Fetch-Site`: one that came
/// by plain HTTP from another machine.
#[track_caller]
fn change(ostler: &Ostler, origin: &str, headers: &[(&str, &str)]) -> Answer {
    let cookie = format!("ostler_session={}", ostler.admin().token.unwrap());
    let name = uuid::Uuid::new_v4().to_string();
    let ask = ostler.anonymous().ask("POST", "/api/auth/keys").header("Cookie", &cookie).header("Origin", origin);
    let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
    ask.json(&json!({"name": name, "permissions": ["mcp:read"]})).send()
}

#[test]
fn pages_behind_a_proxy_that_replaces_the_host_are_ours_where_both_lists_say_so() {
    let page = "http://ostler.test:8506";
    let listed = Ostler::with(&[("OSTLER_ALLOWED_ORIGINS", page), ("OSTLER_ALLOWED_HOSTS", "ostler.test")]);
    change(&listed, page, &[]).is(201);
    change(&listed, page, &[("Sec-Fetch-Site", "same-site")]).problem(403, "forbidden");
    change(&listed, "http://other.test:8506", &[]).problem(403, "forbidden");

    let allowed = Ostler::with(&[("OSTLER_ALLOWED_ORIGINS", page)]);
    let refused = change(&allowed, page, &[]).problem(403, "forbidden").string("/detail");
    assert!(refused.contains("proxy_set_header Host") && refused.contains("OSTLER_ALLOWED_HOSTS"), "{refused}");
    let refused = change(&Ostler::spawn(), page, &[]).problem(403, "forbidden").string("/detail");
    assert!(refused.contains("proxy_set_header Host") && refused.contains("OSTLER_ALLOWED_ORIGINS"), "{refused}");
}

#[test]
fn a_trusted_proxy_says_by_which_host_and_port_its_client_came() {
    let hosts = ("OSTLER_ALLOWED_HOSTS", "ostler.test");
    let ostler = Ostler::with(&[hosts, ("OSTLER_TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.0/8")]);
    let page = "http://ostler.test:8506";
    change(&ostler, page, &[("X-Forwarded-Host", "ostler.test:8506")]).is(201);
    change(&ostler, page, &[("X-Forwarded-Host", "ostler.test"), ("X-Forwarded-Port", "8506")]).is(201);
    change(&ostler, page, &[("Host", "ostler.test"), ("X-Forwarded-Port", "8506")]).is(201);
    change(&ostler, "https://ostler.test", &[("Host", "ostler.test:443")]).is(201);
    // Another port is another page, and a name that is not listed may be one that the page made up.
    change(&ostler, page, &[("Host", "ostler.test")]).problem(403, "forbidden");
    change(&ostler, "http://evil.test", &[("X-Forwarded-Host", "evil.test")]).problem(403, "forbidden");

    let stranger = Ostler::with(&[hosts]);
    change(&stranger, page, &[("X-Forwarded-Host", "ostler.test:8506")]).problem(403, "forbidden");
}

#[test]
fn the_public_url_is_a_name_of_ours() {
    let ostler = Ostler::with(&[("OSTLER_PUBLIC_URL", "https://ostler.example/")]);
    let ask = |host: &str| ostler.admin().ask("GET", "/api/mcp").header("Host", host).send();
    ask("ostler.example").is(200);
    ask("other.example").problem(421, "misdirected_request");
    change(&ostler, "https://ostler.example", &[("Host", "ostler.example")]).is(201);
    change(&ostler, "https://ostler.example", &[]).is(201);
}

#[test]
fn two_on_one_host_log_nobody_out() {
    let (one, other) = (Ostler::spawn(), Ostler::spawn());
    // A browser keeps cookies by name and host, whatever the port.
    let mut jar = std::collections::BTreeMap::new();
    for ostler in [&one, &other] {
        let admin = ostler.admin();
        let login = admin.try_log_in(&admin.email, &admin.password).is(200);
        let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let (name, value) = cookie.split_once('=').unwrap();
        assert!(name.starts_with("ostler_session_"), "{name}");
        jar.insert(name.to_owned(), value.to_owned());
    }
    let cookies = || jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let ask = |ostler: &Ostler| ostler.anonymous().ask("GET", "/api/auth/me").header("Cookie", &cookies()).send();
    ask(&one).is(200);
    ask(&other).is(200);
    let logout = one.anonymous().ask("POST", "/api/auth/logout").header("Cookie", &cookies());
    logout.header("Sec-Fetch-Site", "same-origin").send().is(204);
    ask(&one).is(401);
    ask(&other).is(200);
}
