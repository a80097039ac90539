//! The servers of an Ostler as a registry, read by programs and by another Ostler.

use super::with_npx_of_the_demo;
use crate::support::{http::Ask, json_schema, *};

const LIST: &str = "/v0.1/servers";

/// The schema of a list of servers.
fn schema() -> Value {
    serde_json::from_str(include_str!("registry.schema.json")).unwrap()
}

/// A list that is as its schema says.
#[track_caller]
fn listed(answer: &Answer) -> Vec<Value> {
    let schema = schema();
    assert_eq!(json_schema::fault(&schema, &schema, &answer.json), None, "{answer:?}");
    answer.list("/servers").iter().map(|item| item["server"].clone()).collect()
}

fn titles(answer: &Answer) -> Vec<String> {
    listed(answer).iter().map(|server| server["title"].as_str().unwrap().to_owned()).collect()
}

/// A server that runs no program.
fn register(caller: &Caller, name: &str, description: &str) -> String {
    let body = json!({"name": name, "description": description, "command": "/bin/true", "enabled": false});
    caller.post("/api/mcp", body).is(201).string("/id")
}

fn share(caller: &Caller, id: &str, with: &Caller, permission: &str) {
    let body = json!({"userId": with.id, "permissions": [permission]});
    caller.post(&format!("/api/mcp/{id}/shares"), body).is(201);
}

#[test]
fn a_caller_reads_the_servers_that_they_may_use_in_the_form_of_a_registry() {
    let ostler = Ostler::spawn();
    let (admin, viewer) = (ostler.admin(), ostler.user("viewer"));
    let shared = register(&admin, "Shared", &"long ".repeat(60));
    register(&admin, "Own", "");
    let changed_by = register(&admin, "To change", "x");
    share(&admin, &shared, &viewer, "mcp:read");
    share(&admin, &changed_by, &viewer, "mcp:write");

    assert_eq!(titles(&admin.get(LIST).is(200)), ["Shared", "Own", "To change"]);
    let seen = viewer.get(LIST).is(200);
    let [server] = &listed(&seen)[..] else { panic!("{seen:?}") };
    assert_eq!((&server["title"], &server["name"]), (&json!("Shared"), &json!(format!("ostler/{shared}"))));
    let remote = &server["remotes"][0];
    assert_eq!(remote["url"], format!("http://{}/mcp/{shared}", ostler.address));
    assert_eq!(remote["headers"][0]["name"], "Authorization");
    assert_eq!(remote["headers"][0]["variables"]["api_key"]["isSecret"], true);
    for command in ["/bin/true", "command"] {
        assert!(!seen.text().contains(command), "{seen:?}");
    }
    let body = json!({"name": "stranger"});
    ostler.anonymous().get(LIST).problem(401, "unauthenticated");
    assert_eq!(ostler.anonymous().ask("POST", LIST).json(&body).send().status, 401);
}

#[test]
fn a_list_is_paged_searched_and_not_sent_twice() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let ids = ["One", "Two", "Three"].map(|name| register(&admin, name, name));
    let first = admin.get("/v0.1/servers?limit=2&version=latest&unknown=x").is(200).has("/metadata/count", 2);
    assert_eq!(titles(&first), ["One", "Two"]);
    let next = admin.get(&format!("/v0.1/servers?limit=2&cursor={}", first.string("/metadata/nextCursor"))).is(200);
    assert_eq!(titles(&next.lacks("/metadata/nextCursor")), ["Three"]);
    assert_eq!(titles(&admin.get("/v0.1/servers?search=tW").is(200)), ["Two"]);
    assert!(titles(&admin.get("/v0.1/servers?updated_since=2999-01-01T00:00:00Z").is(200)).is_empty());
    assert_eq!(titles(&admin.get("/v0.1/servers?updated_since=2020-01-01T00:00:00Z").is(200)).len(), 3);

    let tag = first.header("etag").unwrap().to_owned();
    let again = |path: &str| admin.ask("GET", path).header("If-None-Match", &tag).send();
    let path = "/v0.1/servers?limit=2&version=latest&unknown=x";
    assert!(again(path).is(304).body.is_empty());
    again(LIST).is(200);

    let base = format!("{LIST}/ostler%2F{}/versions", ids[0]);
    let [one] = &listed(&admin.get(&base).is(200))[..] else { panic!("there is one version") };
    let version = one["version"].as_str().unwrap();
    for version in [version, "latest"] {
        admin.get(&format!("{base}/{version}")).is(200).has("/server/title", "One");
    }
    admin.get(&format!("{base}/2.0.0")).problem(404, "server_not_found");
    for unknown in ["ostler%2Fnone", "other", "ostler%2F00000000-0000-7000-8000-000000000000"] {
        admin.get(&format!("{LIST}/{unknown}/versions")).problem(404, "server_not_found");
    }
    ostler.user("viewer").get(&base).problem(404, "server_not_found");
    admin.ask("PUT", &format!("/api/mcp/{}", ids[0])).json(&json!({"name": "Renamed"})).send().is(200);
    again(path).is(200);
}

#[test]
fn strangers_read_what_the_operator_published_and_no_more() {
    let everyone = "everyone@test.example";
    let setup =
        Setup::new().env("MCP_PUBLISHED_AS", everyone).env("OSTLER_PUBLIC_URL", "https://ostler.example/mcp-hub/");
    let ostler = setup.env("OSTLER_ALLOWED_ORIGINS", "https://editor.example").spawn();
    let (admin, stranger) = (ostler.admin(), ostler.anonymous());
    stranger.get(LIST).problem(401, "unauthenticated");
    let account = admin.make_user("everyone", "admin");
    assert!(titles(&stranger.get(LIST).is(200)).is_empty());
    let id = register(&admin, "For all", "x");
    register(&admin, "For some", "x");
    share(&admin, &id, &account, "mcp:execute");
    let page = stranger.ask("GET", LIST).header("Origin", "https://editor.example").send().is(200);
    assert_eq!(page.header("access-control-allow-origin"), Some("https://editor.example"));
    let [server] = &listed(&page)[..] else { panic!("{page:?}") };
    assert_eq!(server["remotes"][0]["url"], format!("https://ostler.example/mcp-hub/mcp/{id}"));
    let versions = |id: &str| stranger.get(&format!("{LIST}/ostler%2F{id}/versions/latest"));
    versions(&id).is(200);
    let other = register(&admin, "For none", "x");
    versions(&other).problem(404, "server_not_found");
    for path in ["/api/mcp", "/api/catalogue", &format!("/mcp/{id}")] {
        assert_eq!(stranger.get(path).status, 401, "{path}");
    }
    stranger.with_token("wrong").get(LIST).problem(401, "unauthenticated");
    stranger.ask("GET", LIST).header("Origin", "https://evil.example").send().is(403);
    let disable = json!({"disabled": true});
    admin.ask("PUT", &format!("/api/auth/users/{}", account.id)).json(&disable).send().is(200);
    stranger.get(LIST).problem(401, "unauthenticated");
}

#[test]
fn strangers_are_counted_by_their_address() {
    let ostler = Ostler::with(&[("MCP_PUBLISHED_AS", "admin@localhost")]);
    let statuses: Vec<_> = (0..70).map(|_| Ask::new(ostler.address, "GET", LIST).send().status).collect();
    assert_eq!((statuses[0], statuses[69]), (200, 429));
    ostler.admin().get(LIST).is(200);
}

#[test]
fn another_ostler_reads_it_as_a_source_and_uses_its_servers() {
    let first = Ostler::with(&[("MCP_SANDBOX", "none")]);
    let admin = first.admin();
    let program = json!({"name": "Demo", "description": "For the team",
        "command": setup::PROGRAM, "args": ["demo-server"], "env": {"TEST_TAG": first.setup.tag}});
    let demo = admin.server(&admin.post("/api/mcp", program).is(201).string("/id"));
    demo.becomes("running");
    let key = admin.make_key(&["mcp:read", "mcp:execute"]).token.unwrap();

    let setup = with_npx_of_the_demo().env("MCP_PRIVATE_ADDRESSES", "true");
    let setup = setup.env("MCP_CATALOGUES", &format!("team=http://{}", first.address));
    let second = setup.env("MCP_CATALOGUE_TOKENS", &format!("team={key}")).spawn();
    let reader = second.admin();
    let name = format!("team:ostler/{}", demo.id);
    let found = eventually("the servers of the first are found", || {
        let found = reader.get("/api/catalogue?source=team").is(200);
        (!found.list("/items").is_empty()).then_some(found)
    });
    let found = found.has("/items/0/name", name.as_str()).has("/items/0/title", "Demo");
    found.has("/items/0/needs", json!(["api_key"])).has("/items/0/registry", "remote");
    let path = format!("/api/catalogue/{}/install", name.replace('/', "%2F"));
    let made = reader.post(&path, json!({"values": {"api_key": key}})).is(201);
    assert!(!made.text().contains(&key), "{made:?}");
    let server = reader.server(&made.string("/server/id"));
    server.becomes("running");
    server.call("echo", json!({"message": "hi"})).is(200);
}
