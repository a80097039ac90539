//! The dashboard at `/`: there without the network, asked for once, and strict about what may run in it.

use crate::support::*;

/// Every file that the page names, as it names them.
fn named(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["src=\"./", "href=\"./"] {
        let rests = page.split(start).skip(1);
        found.extend(rests.map(|rest| format!("/{}", rest.split('"').next().unwrap())));
    }
    found
}

#[test]
fn the_page_is_there_with_all_it_needs_and_asks_for_nothing_from_elsewhere() {
    let ostler = Ostler::spawn();
    let nobody = ostler.anonymous();
    let page = nobody.get("/").is(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let files = named(&page.text());
    assert!(files.len() >= 4, "{files:?}");
    for path in files {
        let file = nobody.get(&path).is(200);
        let kind = file.header("content-type").unwrap_or_default().to_owned();
        assert!(["text/javascript", "text/css", "image/svg+xml"].iter().any(|one| kind.starts_with(one)), "{file:?}");
        assert!(!file.text().contains("url(http") && !file.text().contains("import(\"http"), "{path}");
    }
    for reach in ["src=\"http", "href=\"http", "src=\"//", "<style", "style=\"", "onclick"] {
        assert!(!page.text().contains(reach), "the page has {reach}");
    }
    nobody.get("/dashboard/no-such-file.js").problem(404, "not_found");
}

#[test]
fn nothing_but_our_own_files_may_run_in_the_page() {
    let ostler = Ostler::spawn();
    for path in ["/", "/dashboard/app.js"] {
        let answer = ostler.anonymous().get(path).is(200);
        let policy = answer.header("content-security-policy").unwrap().to_owned();
        for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.split("; ").any(|one| one == rule), "{rule} is not in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn a_browser_that_has_a_file_is_not_sent_it_again() {
    let ostler = Ostler::spawn();
    let nobody = ostler.anonymous();
    let plain = nobody.get("/dashboard/app.js").is(200);
    let zipped = nobody.ask("GET", "/dashboard/app.js").header("Accept-Encoding", "br, gzip").send().is(200);
    assert_eq!((plain.header("content-encoding"), zipped.header("content-encoding")), (None, Some("gzip")));
    assert!(zipped.body.len() * 2 < plain.body.len());
    assert_eq!(zipped.header("vary"), Some("Accept-Encoding"));
    assert_eq!(zipped.header("cache-control"), Some("no-cache"));
    let tag = zipped.header("etag").unwrap().to_owned();
    assert_ne!(plain.header("etag"), Some(tag.as_str()), "two forms of a file have two tags");
    let ask = |tag: &str| {
        let ask = nobody.ask("GET", "/dashboard/app.js").header("Accept-Encoding", "gzip");
        ask.header("If-None-Match", tag).send()
    };
    let known = ask(&format!("\"other\", W/{tag}")).is(304);
    assert!(known.body.is_empty(), "{known:?}");
    assert_eq!(known.header("etag"), Some(tag.as_str()));
    ask("\"other\"").is(200);
    let mut asked = nobody.ask("HEAD", "/dashboard/app.js").open().unwrap();
    let (status, headers) = asked.head().unwrap();
    let length = ("content-length".to_owned(), plain.body.len().to_string());
    assert!(status == 200 && headers.contains(&length), "{status} {headers:?}");
    assert!(asked.rest().is_empty());
}

#[test]
fn the_session_of_the_page_is_out_of_reach_of_scripts_and_of_other_pages() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let login = admin.try_log_in(&admin.email, &admin.password).is(200);
    let cookie = login.header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let session = cookie.split(';').next().unwrap();
    let from = |site: &str| {
        let ask = ostler.anonymous().ask("POST", "/api/mcp").header("Cookie", session).header("Sec-Fetch-Site", site);
        ask.json(&fake("ok").body).send()
    };
    from("same-origin").is(201);
    from("cross-site").is(403);
}
