//! Servers that may connect to some hosts only, or to none.

use std::{
    io::Write,
    net::{Ipv4Addr, TcpListener},
    process::Command,
    thread,
};

use crate::support::*;

/// Ostlers as the test's own user and as another, if servers can be given networks of their own here.
fn setups() -> Vec<Setup> {
    let mut unshare = Command::new("unshare");
    if !unshare.args(["--user", "--net", "true"]).status().is_ok_and(|status| status.success()) {
        absent("no network namespace can be made here");
        return Vec::new();
    }
    std::iter::once(Setup::new()).chain(Setup::unprivileged()).collect()
}

/// A host that says hello to everybody; its port.
fn host(address: Ipv4Addr, port: u16) -> Option<u16> {
    let listener = TcpListener::bind((address, port)).ok()?;
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"hello\n");
        }
    });
    Some(port)
}

/// What a connection to each of these places comes to, as bash and cat say it, and the server that tried it.
fn tried(ostler: &Ostler, network: Value, places: &[&str]) -> (Server, Vec<String>) {
    let program = ostler.setup.program.with_file_name("hostile");
    let program = if program.exists() { program } else { server::hostile_server() };
    let tries = places.iter().map(|place| format!("bash -c 'exec 3<>/dev/tcp/{place} && cat <&3' 2>&1 | head -1"));
    let script = tries.collect::<Vec<_>>().join("; ");
    let script = format!("{{ {script}; echo ended; }} >&2; exec {} ok", program.display());
    let sandbox = json!({"network": network, "paths": {"read": [program]}});
    let spec = Spec::new("sh", json!(["-c", script])).set("sandbox", sandbox);
    let server = ostler.admin().running(spec);
    let lines = eventually("it has tried", || {
        let output = server.caller.get(&server.path("/output")).is(200);
        let lines = output.list("/items").iter().map(|item| item["line"].as_str().unwrap().to_owned());
        let lines: Vec<String> = lines.collect();
        (lines.last().is_some_and(|line| line == "ended")).then_some(lines)
    });
    (server, lines)
}

/// Whether each of these texts, in order, is in the line that a try came to.
#[track_caller]
fn came_to(lines: &[String], expected: &[&str]) {
    let fits = lines.iter().zip(expected).all(|(line, expected)| line.contains(expected));
    assert!(fits && lines.len() == expected.len() + 1, "{lines:#?}");
}

#[test]
fn without_a_network_nothing_is_reached_and_each_host_is_reported() {
    for setup in setups() {
        let ostler = setup.env("MCP_PRIVATE_ADDRESSES", "true").spawn();
        let port = host(Ipv4Addr::LOCALHOST, 0).unwrap();
        let here = format!("127.0.0.1/{port}");
        came_to(&tried(&ostler, json!("full"), &[&here]).1, &["hello"]);

        let places = [here.as_str(), "refused.example/443", "192.0.2.1/443", "192.0.2.1/22"];
        let expected = ["Connection refused", "Name or service not known", "reset by peer", "Connection refused"];
        for network in [json!("none"), json!(["allowed.example"])] {
            let (server, lines) = tried(&ostler, network, &places);
            came_to(&lines, &expected);
            for host in ["refused.example", "192.0.2.1:443"] {
                let note = format!("the sandbox refused a connection to {host}; allow it with sandbox.network");
                eventually(&note, || {
                    let page = server.caller.get(&server.path("/timeline?kinds=ostler")).is(200);
                    page.list("/items").iter().any(|item| item["text"] == note.as_str()).then_some(())
                });
            }
            server.call("echo", json!({"message": "works"})).is(200);
        }
    }
}

#[test]
fn allowed_hosts_are_reached_at_the_ports_of_http_alone() {
    // Another address than other tests and programs have.
    let address = Ipv4Addr::new(127, 80, 4, 43);
    if host(address, 80).is_none() || host(Ipv4Addr::LOCALHOST, 80).is_none() {
        absent("nothing can listen at port 80 here");
        return;
    }
    let other = format!("127.80.4.43/{}", host(address, 0).unwrap());
    for setup in setups() {
        let ostler = setup.env("MCP_PRIVATE_ADDRESSES", "true").spawn();
        // With a dot at the end it is looked for in no file, but asked for.
        let places = ["127.80.4.43/80", "localhost./80", &other, "127.80.4.44/80"];
        let (_, lines) = tried(&ostler, json!(["127.80.4.43", "localhost"]), &places);
        came_to(&lines, &["hello", "hello", "Connection refused", "reset by peer"]);
    }
}

#[test]
fn private_addresses_are_reached_only_where_an_administrator_allows_them() {
    for setup in setups() {
        let ostler = setup.spawn();
        let (server, lines) = tried(&ostler, json!(["localhost"]), &["localhost./80"]);
        came_to(&lines, &["Name or service not known"]);
        let note = "the sandbox refused a connection to localhost: it is at no public address";
        eventually(note, || {
            let page = server.caller.get(&server.path("/timeline?kinds=ostler")).is(200);
            let texts = page.list("/items").iter().map(|item| item["text"].as_str().unwrap().to_owned());
            texts.into_iter().any(|text| text.starts_with(note)).then_some(())
        });
    }
}
