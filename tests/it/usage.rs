//! What a server uses: its whole process tree, for as long as it runs.

use crate::support::*;

/// Work in children that end at once, 64 MiB held by one that stays, and two processes that detached themselves, one of
/// them under a name that is no text.
const TREE: &str = r#"
    (while :; do sh -c 'i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done'; sleep 0.1; done) &
    (head -c 67108864 /dev/zero; exec sleep 600) | tail -c 67108864 >/dev/null &
    setsid -f "$0" linger
    odd="./$(printf '\377')" && cp "$(command -v sleep)" "$odd" && setsid -f "$odd" 600
    exec "$0" ok
"#;

fn usage(server: &Server) -> Value {
    server.caller.get(&server.path("/usage")).is(200).json
}

#[test]
fn everything_that_a_server_started_counts_until_it_is_stopped() {
    let ostler = Ostler::spawn();
    let program = server::hostile_server();
    let server = ostler.admin().running(Spec::new("sh", json!(["-c", TREE, program.to_str().unwrap()])));
    let samples = within(seconds(60), "there are two samples", || {
        let samples = usage(&server)["samples"].as_array().unwrap().clone();
        (samples.len() >= 2).then_some(samples)
    });
    for sample in &samples {
        let cpu = sample["cpu"].as_f64().unwrap();
        let figure = |name: &str| sample[name].as_u64().unwrap();
        assert!(cpu > 0.01 && cpu < 512.0, "{sample}");
        assert!((64 << 20..1 << 30).contains(&figure("memory")), "{sample}");
        assert!(figure("processes") >= 6 && figure("descriptors") >= 12, "{sample}");
        assert!(sample["at"].as_str().unwrap().ends_with('Z'), "{sample}");
    }
    assert_eq!(Some(&usage(&server)["now"]), samples.last());
    let figures = ostler.admin().get("/metrics").is(200).text();
    for name in ["cpu_cores", "memory_bytes", "open_descriptors", "processes"] {
        let line = format!("ostler_server_{name}{{server=\"{}\",name=\"subject\"}} ", server.id);
        assert!(figures.contains(&line), "no {line} in\n{figures}");
    }
    server.stop().is(200);
    let after = usage(&server);
    assert_eq!(after["now"], Value::Null);
    assert!(after["samples"].as_array().unwrap().len() >= 2, "{after}");
    assert!(!ostler.admin().get("/metrics").is(200).text().contains(&server.id));
    ostler.leaves_nothing();
}

#[test]
fn what_a_server_uses_is_shown_to_those_who_may_see_the_server() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake("ok"));
    assert_eq!(usage(&server), json!({"now": null, "samples": []}));
    server.seen_by(&ostler.user("developer")).caller.get(&server.path("/usage")).problem(404, "server_not_found");
    ostler.anonymous().get(&server.path("/usage")).problem(401, "unauthenticated");
}
