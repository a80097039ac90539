//! Speaking MCP to a server: nothing is lost, changed, mixed up or waited for in vain.

use crate::support::{events::Events, *};

/// JSON that a careless hand would change: big numbers, key order, escapes, empty and nested things.
const DELICATE: &str = concat!(
    r#"{"zebra":9007199254740993,"apple":123456789012345678901234567890,"pi":3.14159265358979323846,"#,
    r#""one":1.0,"tiny":1E-7,"":"","escaped":"\u00e9\ud83d\ude00\/","plain":"é😀/","line":"a\nb\u2028c","#,
    r#""nested":{"z":[[],{},null,true],"a":{"x-vendor":{"b":1,"a":2}}}}"#
);

#[test]
fn arguments_reach_the_tool_byte_for_byte() {
    let ostler = Ostler::spawn();
    for mode in ["ok", "modern-only"] {
        let server = ostler.admin().running(fake(mode));
        let body = format!(r#"{{"toolName":"echo","parameters":{DELICATE}}}"#);
        let answer = server.caller.ask("POST", &server.path("/execute")).body("application/json", body).send().is(200);
        let expected = format!(r#""structuredContent":{DELICATE}"#);
        assert!(answer.text().contains(&expected), "{answer:?}");
    }
}

#[test]
fn results_reach_the_caller_and_the_log_byte_for_byte() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let result =
        format!(r#"{{"tomorrow":{DELICATE},"content":[{{"type":"hologram","extra":[1]}}],"_meta":{{"b":1,"a":2}}}}"#);
    let body = format!(r#"{{"toolName":"raw","parameters":{{"result":{result}}}}}"#);
    let answer = server.caller.ask("POST", &server.path("/execute")).body("application/json", body).send().is(200);
    assert!(answer.text().contains(&format!(r#""result":{result}"#)), "{answer:?}");
    let logs = server.logs();
    assert!(logs.text().contains(&format!(r#""response":{result}"#)), "{logs:?}");
}

#[test]
fn tools_are_shown_as_the_server_describes_them() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let expected = concat!(
        r#"{"name":"echo","x-vendor":{"z":1,"a":9007199254740993},"#,
        r#""inputSchema":{"type":"object"},"description":"the echo tool"}"#
    );
    let answer = server.tools().is(200);
    assert!(answer.text().contains(expected), "{answer:?}");
}

#[test]
fn a_body_over_several_lines_reaches_the_tool_on_one() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let body = "{\r\n  \"toolName\": \"echo\",\n  \"parameters\": {\n    \"message\": \"first\\nsecond\",\n\t\"list\": [\n1,\n2\n]\n  }\n}\n";
    let answer = server.caller.ask("POST", &server.path("/execute")).body("application/json", body).send().is(200);
    assert_eq!(answer.said(), "first\nsecond");
    assert_eq!(answer.at("/result/structuredContent/list"), &json!([1, 2]));
    server.details().has("/runtimeStatus/status", "running").has("/runtimeStatus/restarts", 0);
}

#[test]
fn both_eras_are_spoken_and_the_newer_one_is_preferred() {
    let ostler = Ostler::spawn();
    let eras = [
        ("ok", "2025-11-25"),
        ("old", "2024-11-05"),
        ("discover-invalid", "2025-11-25"),
        ("modern-only", "2026-07-28"),
        ("dual", "2026-07-28"),
    ];
    for (mode, version) in eras {
        let server = ostler.admin().running(fake(mode).named(mode));
        assert_eq!(server.call("echo", json!({"message": mode})).is(200).said(), mode);
        server.details().has("/runtimeStatus/protocolVersion", version);
    }
}

#[test]
fn a_server_that_ignores_what_it_does_not_know_is_spoken_to_in_the_older_era() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("discover-silent"));
    server.call("echo", json!({"message": "x"})).is(200);
}

#[test]
fn tools_on_many_pages_are_all_listed() {
    let ostler = Ostler::spawn();
    let names = ostler.admin().running(fake_with("pages", &["5"])).tool_names();
    for wanted in ["echo", "page-1", "page-4"] {
        assert!(names.contains(&wanted.to_owned()), "{wanted} is missing from {names:?}");
    }
}

#[test]
fn a_list_of_tools_that_never_ends_does_not_hold_anybody_up() {
    let ostler = Ostler::with(&[("MCP_MAX_RETRIES", "1")]);
    let server = ostler.admin().register(fake("cursor-loop"));
    let (took, answer) = timed(|| server.start());
    assert!(took < seconds(30), "it took {took:?}");
    answer.any_of(&[200, 500]);
    ostler.admin().get("/readyz").is(200);
}

#[test]
fn tools_that_come_later_are_listed_too() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok").set("tools", json!({"changes": "follow"})));
    server.call("grow", json!({})).is(200);
    eventually("the new tool is listed", || server.tool_names().contains(&"grown-0".to_owned()).then_some(()));
}

#[test]
fn what_a_server_asks_is_answered_so_that_it_never_hangs() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let answer = server.call_within("ask", json!({}), 10_000).is(200);
    assert_eq!(answer.said(), "roots/list=-32601 sampling/createMessage=-32601 ping=result");
}

#[test]
fn many_calls_are_in_flight_and_each_gets_its_own_answer() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let (took, answers) = timed(|| {
        together(32, |index| {
            let wait = (32 - index) * 10;
            server.call("echo", json!({"message": format!("number {index}"), "ms": wait + 200}))
        })
    });
    for (index, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.is(200).said(), format!("number {index}"));
    }
    assert!(took < seconds(5), "they waited for each other: {took:?}");
    assert_eq!(server.logs().list("/items").len(), 32);
}

#[test]
fn a_call_past_its_deadline_ends_on_time_and_the_tool_is_told() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let (took, answer) = timed(|| server.call_within("sleep", json!({"ms": 20_000, "mark": "too late"}), 300));
    answer.problem(504, "call_timeout");
    assert!(took >= millis(300) && took < millis(1500), "it took {took:?}");
    eventually("the tool heard of it", || (server.call("cancelled", json!({})).said() == "too late").then_some(()));
    server.details().has("/runtimeStatus/inFlight", 0);
    let logs = server.caller.get(&server.path("/logs?toolName=sleep")).is(200).has("/items/0/success", false);
    assert!(logs.at("/items/0/errorMessage").is_string());
}

#[test]
fn a_caller_that_goes_away_cancels_its_call_which_is_on_record_all_the_same() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let body = json!({"toolName": "sleep", "parameters": {"ms": 30_000, "mark": "gone"}});
    let exchange = server.caller.ask("POST", &server.path("/execute")).json(&body).open().unwrap();
    eventually("the call is under way", || (server.details().number("/runtimeStatus/inFlight") == 1).then_some(()));
    drop(exchange);
    eventually("the tool heard of it", || (server.call("cancelled", json!({})).said() == "gone").then_some(()));
    eventually("the call is on record", || {
        let logs = server.caller.get(&server.path("/logs?toolName=sleep&success=false")).is(200);
        (logs.list("/items").len() == 1).then_some(())
    });
}

#[test]
fn an_answer_that_comes_too_late_reaches_nobody() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("answers-late"));
    server.call_within("echo", json!({"message": "late", "ms": 500}), 100).problem(504, "call_timeout");
    let next = server.call("echo", json!({"message": "mine", "ms": 800})).is(200);
    assert_eq!(next.said(), "mine");
    server.details().has("/runtimeStatus/strayAnswers", 1).has("/runtimeStatus/restarts", 0);
}

#[test]
fn answers_to_nothing_reach_nobody_and_are_counted() {
    for mode in ["dup-ids", "unknown-ids"] {
        let ostler = Ostler::spawn();
        let server = ostler.admin().running(fake(mode));
        for message in ["one", "two", "three"] {
            assert_eq!(server.call("echo", json!({"message": message})).is(200).said(), message, "{mode}");
        }
        eventually("they are counted", || (server.details().number("/runtimeStatus/strayAnswers") >= 3).then_some(()));
    }
}

#[test]
fn an_answer_whose_id_is_the_number_as_a_text_is_one() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("string-ids"));
    assert_eq!(server.call("echo", json!({"message": "hay"})).is(200).said(), "hay");
    server.details().has("/runtimeStatus/strayAnswers", 0);
}

#[test]
fn progress_is_told_while_the_tool_works() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let body = json!({"toolName": "progress", "parameters": {"steps": 3, "ms": 30}});
    let mut events = Events::open(server.caller.ask("POST", &server.path("/execute")).json(&body));
    let told: Vec<_> = (1..=3).map(|_| events.find(|event| event.data.contains("step ")).json()).collect();
    assert_eq!(told[2]["progress"], 3);
    assert_eq!(told[0]["total"], 3);
    let last = events.find(|event| event.data.contains("callId")).json();
    assert_eq!(last["success"], true);
    assert_eq!(told[0]["progressToken"], last["callId"], "progress says of which call");
    assert_eq!(last["result"]["content"][0]["text"], "done");
}

#[test]
fn progress_does_not_buy_time() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let body = json!({"toolName": "progress", "parameters": {"steps": 100, "ms": 50}, "timeoutMs": 400});
    let (took, last) = timed(|| {
        let mut events = Events::open(server.caller.ask("POST", &server.path("/execute")).json(&body));
        events.find(|event| event.data.contains("step 2"));
        events.last().expect("an end")
    });
    assert_eq!(last.json()["code"], "call_timeout");
    assert!(took < seconds(2), "it took {took:?}");
}
