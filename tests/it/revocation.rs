//! Rights that end: nothing that is open outlives them by more than a second, whatever it is and however they end.

use std::{
    io::Read,
    net::TcpStream,
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use ::ostler::{model::Timestamp, store};
use diesel::connection::SimpleConnection;

use crate::{
    oauth::Issuer,
    support::{
        backends::on_both_databases,
        mcp::{LEGACY, Legacy, Modern},
        upstream::{Then, Upstream},
        wait::now,
        *,
    },
};

/// How long something may stay open after the right to it has ended.
const LIMIT: Duration = seconds(1);

/// Something open, read to its end by a thread of its own.
struct Open {
    what: &'static str,
    ended: Receiver<Instant>,
}

impl Open {
    /// Sends a request, and waits for the first bytes of what it opens.
    #[track_caller]
    fn stream(what: &'static str, ask: http::Ask) -> Self {
        let mut exchange = ask.open().unwrap();
        let (status, _) = exchange.head().unwrap();
        assert_eq!(status, 200, "{what}");
        assert!(exchange.chunk().unwrap().is_some(), "{what} is over at once");
        Self::reading(what, move || drop(exchange.rest()))
    }

    /// Sends a request that is not answered before it ends.
    fn request(what: &'static str, ask: http::Ask) -> Self {
        let mut exchange = ask.open().unwrap();
        Self::reading(what, move || drop(exchange.head()))
    }

    /// Asks a service to switch protocols, and waits until it has.
    #[track_caller]
    fn tunnel(caller: &Caller, path: &str) -> Self {
        let mut wire = TcpStream::connect(caller.address).unwrap();
        let token = caller.token.as_deref().unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\n\r\n",
            caller.address
        );
        std::io::Write::write_all(&mut wire, head.as_bytes()).unwrap();
        let mut begun = [0; 12];
        wire.read_exact(&mut begun).unwrap();
        assert_eq!(&begun, b"HTTP/1.1 101", "an upgrade");
        Self::reading("an upgraded connection", move || drop(wire.read_to_end(&mut Vec::new())))
    }

    fn reading(what: &'static str, read: impl FnOnce() + Send + 'static) -> Self {
        let (ending, ended) = mpsc::channel();
        thread::spawn(move || {
            read();
            let _ = ending.send(now());
        });
        Self { what, ended }
    }

    fn is_open(&self) -> bool {
        self.ended.try_recv().is_err()
    }
}

/// An Ostler with a server that works for ever, and a service that wants credentials and never ends an answer.
struct House {
    ostler: Ostler,
    _service: Upstream,
    owner: Caller,
    server: Server,
}

impl House {
    fn new(setup: Setup) -> Self {
        let ostler = setup.spawn();
        let service = Upstream::start(|seen, wire| {
            match seen.header("upgrade") {
                Some(_) => {
                    wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                }
                None => wire.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
                     9\r\ndata: 1\n\n\r\n",
                ),
            }
            // Until the other side hangs up.
            while wire.exact(1).is_some() {}
            Then::Close
        });
        let owner = ostler.admin();
        let instance = json!({"host": "127.0.0.1", "port": service.port()});
        let body = json!({"name": "s", "basePath": "/s", "instances": [instance], "authentication": true,
            "healthCheck": {"interval": 3_600_000}});
        owner.post("/api/gateway/services", body).is(201);
        let server = owner.running(fake("ok"));
        Self { ostler, _service: service, owner, server }
    }

    /// Lets somebody use the server.
    fn share(&self, with: &Caller, permissions: &[&str]) {
        let body = json!({"userId": with.id, "permissions": permissions});
        self.owner.post(&self.server.path("/shares"), body).any_of(&[200, 201]);
    }

    /// Somebody who may use the server, under a name that nobody has yet.
    fn guest(&self, name: &str) -> Caller {
        let guest = self.owner.make_user(name, "developer");
        self.share(&guest, &["mcp:read", "mcp:execute"]);
        guest
    }

    /// All that `who` can have open with the server.
    fn open_at_server(&self, who: &Caller) -> Vec<Open> {
        let path = format!("/mcp/{}", self.server.id);
        let progress =
            json!({"name": "progress", "arguments": {"steps": 400, "ms": 50}, "_meta": {"progressToken": 1}});
        let hang = json!({"toolName": "hang", "parameters": {}});
        let execute = || who.ask("POST", &self.server.path("/execute"));
        let counted = json!({"toolName": "progress", "parameters": {"steps": 400, "ms": 50}});
        let legacy = Legacy::begin(who, &path, LEGACY);
        let modern = Modern::new(who, &path);
        let filter = json!({"notifications": {"toolsListChanged": true}});
        let events = "text/event-stream";
        vec![
            Open::stream("standard error", who.ask("GET", &self.server.path("/output?follow=true"))),
            Open::stream("a call as events", execute().header("Accept", events).json(&counted)),
            Open::request("a call", execute().json(&hang)),
            Open::stream("a session's stream with a server", legacy.at("GET").header("Accept", events)),
            Open::stream("a session's call", legacy.ask(7, "tools/call", progress.clone())),
            Open::stream("a stateless call", modern.ask("tools/call", progress)),
            Open::stream("a subscription to a server", modern.ask("subscriptions/listen", filter)),
        ]
    }

    /// All that `who` can have open beside that.
    fn open_elsewhere(&self, who: &Caller) -> Vec<Open> {
        let legacy = Legacy::begin(who, "/mcp", LEGACY);
        let modern = Modern::new(who, "/mcp");
        let filter = json!({"notifications": {"toolsListChanged": true}});
        vec![
            Open::stream("events", who.ask("GET", "/api/events")),
            Open::stream(
                "a session's stream with every server",
                legacy.at("GET").header("Accept", "text/event-stream"),
            ),
            Open::stream("a subscription to every server", modern.ask("subscriptions/listen", filter)),
            Open::stream("an endless answer of a service", who.ask("GET", "/s/x")),
            Open::tunnel(who, "/s/x"),
        ]
    }

    fn open(&self, who: &Caller) -> Vec<Open> {
        let (mut open, elsewhere) = (self.open_at_server(who), self.open_elsewhere(who));
        open.extend(elsewhere);
        open
    }

    /// Waits until everything has ended that was open, which has to be in time.
    #[track_caller]
    fn all_end(&self, change: &str, open: Vec<Open>, ended: Instant) {
        for Open { what, ended: end } in open {
            let end = end
                .recv_timeout((ended + LIMIT * 5).saturating_duration_since(now()))
                .unwrap_or_else(|_| panic!("{what} outlives {change}"));
            let late = end.saturating_duration_since(ended);
            assert!(late <= LIMIT, "{what} outlives {change} by {late:?}");
        }
    }

    /// Makes a change, after which all that `who` has open ends.
    #[track_caller]
    fn ends(&self, change: &str, open: Vec<Open>, make: impl FnOnce()) {
        for one in &open {
            assert!(one.is_open(), "{} ended before {change}", one.what);
        }
        make();
        self.all_end(change, open, now());
    }

    /// What somebody does who has the database and not Ostler.
    fn behind_its_back(&self, sql: &str) {
        let url = self.ostler.setup.environment["DATABASE_URL"].parse().unwrap();
        match &mut store::Store::open(&url).unwrap().writer().unwrap() {
            store::Connection::Sqlite(conn) => conn.batch_execute(sql).unwrap(),
            #[cfg(feature = "postgres")]
            store::Connection::Postgres(conn) => conn.batch_execute(sql).unwrap(),
        }
    }
}

#[test]
fn whatever_is_open_ends_with_the_account_or_the_login() {
    let house = House::new(Setup::new());
    let admin = &house.owner;
    let account = |who: &Caller| format!("/api/auth/users/{}", who.id);
    let change = |who: &Caller, change: Value| drop(admin.put(&account(who), change).is(200));
    let own_password = |who: &Caller| {
        let body = json!({"currentPassword": who.password, "newPassword": "another-correct-horse"});
        who.put("/api/auth/me/password", body).any_of(&[200, 204]);
    };
    type Change<'a> = (&'static str, &'a dyn Fn(&Caller));
    let changes: [Change; 6] = [
        ("disabling", &|who| change(who, json!({"disabled": true}))),
        ("deletion", &|who| drop(admin.delete(&account(who)).is(204))),
        ("demotion", &|who| change(who, json!({"role": "viewer"}))),
        ("logout", &|who| drop(who.press("/api/auth/logout").any_of(&[200, 204]))),
        ("password", &own_password),
        ("reset", &|who| change(who, json!({"password": "another-correct-horse"}))),
    ];
    for (name, make) in changes {
        let guest = house.guest(name);
        house.ends(name, house.open(&guest), || make(&guest));
    }
}

#[test]
fn whatever_is_open_ends_with_the_key_it_was_opened_with_and_nothing_else_does() {
    let house = House::new(Setup::new());
    let guest = house.guest("guest");
    let kept = house.open(&guest);
    let key = guest.post("/api/auth/keys", json!({"name": "k"})).is(201);
    let open = house.open(&guest.with_token(&caller::secret_of(&key)));
    let path = format!("/api/auth/keys/{}", key.string("/id"));
    for one in &open {
        assert!(one.is_open(), "{}", one.what);
    }
    guest.delete(&path).is(204);
    house.all_end("a key", open, now());

    let key = guest.post("/api/auth/keys", json!({"name": "rotated"})).is(201);
    let open = house.open(&guest.with_token(&caller::secret_of(&key)));
    guest.press(&format!("/api/auth/keys/{}/rotate", key.string("/id"))).is(200);
    house.all_end("a secret", open, now());

    let expires = now() + seconds(6);
    let body = json!({"name": "short", "expiresAt": Timestamp::now().plus(seconds(6)).to_string()});
    let key = guest.post("/api/auth/keys", body).is(201);
    let open = house.open(&guest.with_token(&caller::secret_of(&key)));
    for one in open.iter().chain(&kept) {
        assert!(one.is_open(), "{}", one.what);
    }
    house.all_end("an expired key", open, expires);
    for one in &kept {
        assert!(one.is_open(), "{} ended with somebody else's key", one.what);
    }
}

#[test]
fn what_is_open_at_a_server_ends_with_the_right_to_it_and_nothing_else_does() {
    let house = House::new(Setup::new());
    let guest = house.guest("guest");
    let elsewhere = house.open_elsewhere(&guest);
    let share = house.server.path(&format!("/shares/{}", guest.id));
    house.ends("a share", house.open_at_server(&guest), || drop(house.owner.delete(&share).is(204)));
    house.share(&guest, &["mcp:read", "mcp:execute"]);
    let open = house.open_at_server(&guest);
    house.ends("a server", open, || drop(house.server.remove().is(204)));
    for one in &elsewhere {
        assert!(one.is_open(), "{} ended with a server", one.what);
    }
}

#[test]
fn a_narrowed_share_ends_what_it_gives_no_more_and_nothing_else() {
    let house = House::new(Setup::new());
    let guest = house.guest("guest");
    let change = |permissions: &'static [&str]| house.share(&guest, permissions);
    change(&["mcp:read", "mcp:write", "mcp:execute"]);
    let mut open = house.open(&guest);
    let mut take = |belongs: &dyn Fn(&Open) -> bool| open.extract_if(.., |one| belongs(one)).collect::<Vec<_>>();
    let output = take(&|one| one.what == "standard error");
    let calls = take(&|one| one.what.contains("call"));
    let at_server = take(&|one| one.what.ends_with("a server"));
    assert_eq!((output.len(), calls.len(), at_server.len(), open.len()), (1, 4, 2, 5));

    change(&["mcp:read", "mcp:execute"]);
    house.ends("a share without writing", output, || change(&["mcp:execute"]));
    house.ends("a share without reading", calls, || change(&["mcp:read"]));
    house.ends("a share without calls", at_server, || change(&["mcp:write"]));
    for one in &open {
        assert!(one.is_open(), "{} ended with a narrower share", one.what);
    }
}

#[test]
fn whatever_is_open_ends_with_a_token_of_the_issuer() {
    let issuer = Issuer::start();
    let house = House::new(issuer.trusted_by(Setup::new()));
    // Half a minute of leeway for clocks.
    let expires = now() + seconds(7);
    let end = Timestamp::now().plus(seconds(7)).unix_seconds() - 30;
    let guest = house.ostler.anonymous().with_token(&issuer.token(json!({"exp": end, "roles": ["developer"]})));
    let guest = Caller { id: guest.get("/api/auth/me").is(200).string("/id"), ..guest };
    house.share(&guest, &["mcp:read", "mcp:execute"]);
    let open = house.open(&guest);
    for one in &open {
        assert!(one.is_open(), "{}", one.what);
    }
    house.all_end("a token", open, expires);
}

on_both_databases! {
    fn whatever_is_open_ends_when_the_right_is_taken_in_the_database(setup: Setup) {
        let house = House::new(setup);
        let guest = house.guest("guest");
        let open = house.open(&guest);
        house.ends("a login in the database", open, || house.behind_its_back("DELETE FROM sessions"));
    }
}

#[test]
fn a_process_of_ones_own_ends_with_the_right_to_it() {
    let ostler = Ostler::spawn();
    let (admin, guest) = (ostler.admin(), ostler.user("developer"));
    let server = admin.running(fake("ok").set("isolation", json!("per-session")));
    let share = |permissions: &[&str]| {
        let body = json!({"userId": guest.id, "permissions": permissions});
        admin.post(&server.path("/shares"), body).any_of(&[200, 201]);
    };
    let role = |role: &str| drop(admin.put(&format!("/api/auth/users/{}", guest.id), json!({"role": role})).is(200));
    let key = guest.post("/api/auth/keys", json!({"name": "k"})).is(201);
    let keyed = guest.with_token(&caller::secret_of(&key));
    let changes: [(&str, &dyn Fn()); 3] = [
        ("a narrower share", &|| share(&["mcp:read"])),
        ("a lesser role", &|| role("viewer")),
        ("no key", &|| drop(guest.delete(&format!("/api/auth/keys/{}", key.string("/id"))).is(204))),
    ];
    for (change, take) in changes {
        share(&["mcp:read", "mcp:execute"]);
        role("developer");
        let process: u32 = server.seen_by(&keyed).call("pid", json!({})).is(200).said().parse().unwrap();
        take();
        eventually(change, || (!ostler.processes().iter().any(|one| one.pid == process)).then_some(()));
    }
}
