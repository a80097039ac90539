//! An answered call is a recorded call; a call that cannot be recorded is not made.

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use crate::support::{self, backends::on_both_databases, *};

on_both_databases! {
    fn every_answered_call_is_on_record_however_ostler_ends(setup: Setup) {
        let mut ostler = setup.spawn();
        let id = ostler.admin().register(fake("ok").enabled()).id;
        let mut answered = Vec::new();
        for round in 1..=3 {
            let server = ostler.admin().server(&id);
            server.becomes("running");
            answered.extend(calls_until_killed(&mut ostler, &server, 40 * round));
            ostler.leaves_nothing();
            ostler.start_again();
        }
        let recorded = ostler.admin().server(&id).calls_on_record();
        for call in &answered {
            assert_eq!(recorded.get(call), Some(&1), "call {call} was answered");
        }
        let counted = ostler.admin().server(&id).details().number("/server/totalCalls");
        assert_eq!(counted as usize, recorded.len());
    }
}

/// Sixteen callers call until Ostler is gone, which it is once some answers came back; gives the answered calls.
fn calls_until_killed(ostler: &mut Ostler, server: &Server, enough: usize) -> Vec<String> {
    let answered = std::sync::Mutex::new(Vec::new());
    let body = json!({"toolName": "echo", "parameters": {"message": "x"}});
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Ok(answer) = server.caller.ask("POST", &server.path("/execute")).json(&body).try_send() {
                    answered.lock().unwrap().push(answer.is(200).string("/callId"));
                }
            });
        }
        eventually("enough calls are answered", || (answered.lock().unwrap().len() >= enough).then_some(()));
        ostler.kill();
    });
    answered.into_inner().unwrap()
}

#[test]
fn a_call_that_cannot_be_recorded_is_refused_before_it_reaches_the_tool() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok").uncontained());
    let file = ostler.setup.servers_dir().join("counted");
    let count = || server.call("count", json!({"file": file.to_str().unwrap()}));
    count().is(200);

    let mut holder = SqliteConnection::establish(ostler.setup.database_file().to_str().unwrap()).unwrap();
    holder.batch_execute("PRAGMA busy_timeout = 5000; BEGIN EXCLUSIVE").unwrap();
    eventually("it is noticed", || (ostler.anonymous().get("/readyz").status == 503).then_some(()));
    let (took, answer) = timed(count);
    answer.problem(503, "store_unavailable");
    assert!(took < seconds(15), "it took {took:?}");
    server.details().is(200);
    server.logs().is(200);
    ostler.anonymous().get("/livez").is(200);
    ostler.admin().try_register(fake("ok")).problem(503, "store_unavailable");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1, "the tool was reached");

    holder.batch_execute("ROLLBACK").unwrap();
    eventually("calls are taken again", || (count().status == 200).then_some(()));
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
}

#[test]
#[cfg(feature = "postgres")]
fn a_database_server_that_goes_away_stops_calls_before_the_tool_until_it_is_back() {
    let Some(mut postgres) = support::postgres::Server::start() else { return };
    let ostler = Setup::new().database(&postgres.database()).spawn();
    let server = ostler.admin().running(fake("ok").uncontained());
    let file = ostler.setup.servers_dir().join("counted");
    let count = || server.call("count", json!({"file": file.to_str().unwrap()}));
    count().is(200);

    postgres.stop();
    eventually("it is noticed", || (ostler.anonymous().get("/readyz").status == 503).then_some(()));
    let (took, answer) = timed(count);
    answer.problem(503, "store_unavailable");
    assert!(took < seconds(15), "it took {took:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1, "the tool was reached");

    postgres.start_again();
    eventually("calls are taken again", || (count().status == 200).then_some(()));
    assert_eq!(server.logs().list("/items").len(), 2);
}

#[test]
#[cfg(feature = "postgres")]
fn a_database_that_never_answers_holds_nobody_up_and_records_once_it_does() {
    let Some(mut postgres) = support::postgres::Server::start() else { return };
    let ostler = Setup::new().database(&postgres.database()).spawn();
    let server = ostler.admin().running(fake("ok"));
    let body = json!({"toolName": "echo", "parameters": {"message": "x"}});
    let refused = |path: &str, method: &str, body: &Value| {
        let (took, answer) = timed(|| server.caller.ask(method, &server.path(path)).json(body).send());
        answer.problem(503, "store_unavailable");
        assert!(took < seconds(11), "{method} {path} took {took:?}");
    };
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| timed(|| server.call("sleep", json!({"ms": 700}))));
        eventually("it is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
        postgres.freeze();
        scope.spawn(|| refused("/execute", "POST", &body));
        scope.spawn(|| refused("/logs", "GET", &json!({})));
        scope.spawn(|| refused("", "PUT", &json!({"name": "renamed"})));
        let (took, answer) = slow.join().unwrap();
        assert!(took < seconds(13), "it took {took:?}");
        let answer = answer.problem(503, "store_unavailable");
        assert!(answer.string("/detail").contains("the tool was called"), "{answer:?}");
    });
    postgres.thaw();
    eventually("the call is on record", || {
        let logs = server.caller.get(&server.path("/logs?toolName=sleep"));
        (logs.status == 200 && logs.list("/items").len() == 1).then_some(())
    });
}

#[test]
fn a_second_ostler_on_the_same_data_does_not_start() {
    let ostler = Ostler::spawn();
    let output = ostler.setup.command().output().unwrap();
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!words.trim().is_empty(), "it says why");
    ostler.admin().get("/api/mcp").is(200);
}

#[test]
fn a_database_that_is_none_is_left_alone() {
    let setup = Setup::new();
    std::fs::create_dir_all(setup.home.join("data")).unwrap();
    let garbage = vec![b'?'; 8192];
    std::fs::write(setup.database_file(), &garbage).unwrap();
    let (took, output) = timed(|| setup.command().output().unwrap());
    assert!(!output.status.success() && took < seconds(10));
    assert_eq!(std::fs::read(setup.database_file()).unwrap(), garbage);
    std::fs::remove_dir_all(&setup.home).unwrap();
}
