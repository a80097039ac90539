//! What happened: counted over time, and call by call.

use crate::support::{backends::on_both_databases, *};

on_both_databases! {
    fn calls_are_in_the_history_as_soon_as_they_are_answered(setup: Setup) {
        let ostler = setup.spawn();
        let server = ostler.admin().running(fake("ok"));
        (0..3).for_each(|_| drop(server.call("echo", json!({"message": "x"})).is(200)));
        server.call("fail", json!({})).is(400);
        for step in ["minute", "hour", "day"] {
            for of in ["", "&serverId=ID", "&serverId=ID&toolName=echo"] {
                let path = format!("/api/history/calls?step={step}{}", of.replace("ID", &server.id));
                let answer = ostler.admin().get(&path).is(200).has("/step", step);
                let count = |what| answer.list("/buckets").iter().map(|one| one[what].as_i64().unwrap()).sum::<i64>();
                let wanted = if of.contains("echo") { (3, 0) } else { (4, 1) };
                assert_eq!((count("calls"), count("errors")), wanted, "{path}");
                let last = answer.list("/buckets").iter().rfind(|one| one["calls"] != 0).unwrap().clone();
                assert!(last["p50"].is_number() && last["p99"].is_number() && last["average"].is_number(), "{last}");
            }
        }
        let overview = ostler.admin().get("/api/overview?window=24h").is(200);
        assert_eq!(overview.number("/calls/total"), 4);
        assert_eq!(*overview.at("/calls/errorRate"), json!(0.25));
        overview.has("/servers/total", 1).has("/servers/healthy", 1).has("/servers/down", 0);
    }

    fn what_was_counted_survives_a_restart_within_the_minute(setup: Setup) {
        let mut ostler = setup.spawn();
        let server = ostler.admin().running(fake("ok").enabled());
        server.call("echo", json!({"message": "x"})).is(200);
        ostler.kill();
        ostler.start_again();
        let server = ostler.admin().server(&server.id);
        server.becomes("running");
        server.call("echo", json!({"message": "x"})).is(200);
        ostler.admin().get("/api/overview").is(200).has("/calls/total", 2);
    }

    fn calls_of_all_servers_are_one_list_newest_first(setup: Setup) {
        let ostler = setup.spawn();
        let admin = ostler.admin();
        let servers = [admin.running(fake("ok")), admin.running(fake("ok").named("second"))];
        let say = |n: usize| servers[n % 2].call("echo", json!({"message": n.to_string()})).is(200).string("/callId");
        let mut made: Vec<_> = (0..7).map(say).collect();
        let failed = servers[0].call("fail", json!({}));
        drop(failed);
        made.reverse();
        let mut listed = Vec::new();
        let mut page = admin.get("/api/calls?limit=3&success=true").is(200);
        loop {
            listed.extend(page.list("/items").iter().map(|one| one["id"].as_str().unwrap().to_owned()));
            let Some(cursor) = page.at("/nextCursor").as_str().map(str::to_owned) else { break };
            page = admin.get(&format!("/api/calls?limit=3&success=true&cursor={cursor}")).is(200);
        }
        assert_eq!(listed, made);
        let count = |query: &str| admin.get(&format!("/api/calls?{query}")).is(200).list("/items").len();
        assert_eq!(count("success=false"), 1);
        assert_eq!(count(&format!("serverId={}", servers[1].id)), 3);
        assert_eq!(count(&format!("userId={}&toolName=echo", admin.id)), 7);
        assert_eq!(count("since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z"), 0);
        assert_eq!(count("since=2020-01-01T00:00:00Z"), 8);
        admin.get(&format!("/api/calls/{}", made[0])).is(200).has("/serverName", "subject").has("/toolName", "echo");
    }

    fn health_is_kept_with_its_reasons(setup: Setup) {
        let ostler = setup.spawn();
        let server = ostler.admin().running(fake("ok"));
        processes::signal(server.pid(), rustix::process::Signal::KILL);
        let path = format!("/api/history/health?serverId={}", server.id);
        let (items, fell) = eventually("it is up again, and that and why it fell is on record", || {
            let items = ostler.admin().get(&path).is(200).list("/items").to_vec();
            let ups = items.iter().filter(|one| one["healthStatus"] == "HEALTHY").count();
            let fell = items.iter().find(|one| one["reason"] == "it was ended by signal 9").cloned();
            fell.filter(|_| ups == 2).map(|fell| (items, fell))
        });
        assert_eq!(fell["healthStatus"], "STARTING");
        assert!(items.iter().map(|one| one["at"].as_str().unwrap()).is_sorted());
        eventually("the restart is counted", || {
            (ostler.admin().get("/api/overview").is(200).number("/restarts") == 1).then_some(())
        });
    }
}

#[test]
fn nobody_sees_the_history_of_somebody_elses_calls() {
    let ostler = Ostler::with(&[("MCP_ALLOWED_COMMANDS", "*")]);
    let (one, other) = (ostler.user("developer"), ostler.admin().make_user("other", "developer"));
    let server = one.running(fake("ok"));
    let call = server.call("echo", json!({"message": "x"})).is(200).string("/callId");
    one.get("/api/overview").is(200).has("/calls/total", 1).has("/servers/total", 1);
    one.get(&format!("/api/calls/{call}")).is(200);
    other.get("/api/overview").is(200).has("/calls/total", 0).has("/servers/total", 0);
    other.get(&format!("/api/calls/{call}")).is(404);
    other.get(&format!("/api/calls?serverId={}", server.id)).problem(404, "server_not_found");
    other.get(&format!("/api/history/calls?serverId={}", server.id)).problem(404, "server_not_found");
    other.get(&format!("/api/history/health?serverId={}", server.id)).problem(404, "server_not_found");
    assert!(other.get("/api/calls").is(200).list("/items").is_empty());
}

#[test]
fn a_call_tells_its_trace_how_long_it_waited_and_what_happened_meanwhile() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let server = admin.running(fake("ok"));
    let body = json!({"toolName": "sleep", "parameters": {"ms": 20_000}});
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            let ask = admin.ask("POST", &server.path("/execute")).json(&body);
            ask.header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01")).send()
        });
        eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        processes::signal(server.pid(), rustix::process::Signal::KILL);
        slow.join().unwrap().is(503);
    });
    let id = admin.get("/api/calls").is(200).string("/items/0/id");
    let call = eventually("the exit is on record", || {
        let call = admin.get(&format!("/api/calls/{id}")).is(200);
        let kinds: Vec<_> = call.list("/meanwhile").iter().map(|one| one["kind"].clone()).collect();
        kinds.contains(&json!("health")).then_some(call)
    });
    call.has("/traceId", trace).has("/success", false).has("/serverId", server.id.clone());
}

#[test]
fn a_history_that_cannot_be_given_is_refused_by_name() {
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let long = admin.get("/api/history/calls?step=minute&since=2020-01-01T00:00:00Z");
    assert!(long.problem(400, "malformed_request").text().contains("step"));
    admin.get("/api/history/calls?toolName=echo").problem(400, "malformed_request");
    admin.get("/api/history/calls?step=week").problem(400, "malformed_request");
    admin.get("/api/overview?window=2h").problem(400, "malformed_request");
    admin.get("/api/history/health").problem(400, "malformed_request");
    admin.get("/api/calls/nothing").problem(404, "call_not_found");
}
