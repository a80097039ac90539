//! Figures: their names are those of the conventions, their labels have bounds, and `deploy/` asks for none that is not
//! there.

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::support::{
    collector::Collector,
    mcp::{LEGACY, Legacy, Modern},
    upstream::{Then, Upstream, ok},
    wire::Wire,
    *,
};

fn figures(ostler: &Ostler) -> String {
    ostler.admin().get("/metrics").is(200).text()
}

/// Claims that there is a line of this figure with these labels, whatever others it has, and gives its value.
#[track_caller]
fn value(page: &str, name: &str, labels: &[&str]) -> f64 {
    let fits = |line: &&str| line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label));
    let line = page.lines().find(fits).unwrap_or_else(|| panic!("no {name} with {labels:?} in\n{page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// An Ostler of which everything there is to count was counted.
fn busy(collector: &Collector, upstream: &Upstream) -> (Ostler, Server) {
    let ostler = collector.setup().spawn();
    let server = ostler.admin().running(fake("ok").named("horse").enabled());
    server.call("echo", json!({})).is(200);
    server.call("fail", json!({})).problem(400, "tool_execution_failed");
    server.call("made-up", json!({})).problem(400, "tool_execution_failed");
    let path = format!("/mcp/{}", server.id);
    Modern::new(&ostler.admin(), &path).call("echo", json!({})).is(200);
    let session = Legacy::begin(&ostler.admin(), &path, LEGACY);
    session.send(2, "x/made-up", json!({}));
    session.end().is(204);
    let service = json!({"name": "s", "basePath": "/s", "authentication": false,
        "instances": [{"host": "127.0.0.1", "port": upstream.port()}]});
    ostler.admin().post("/api/gateway/services", service).is(201);
    Wire::to(ostler.address).get("/s/x").is(200);
    (ostler, server)
}

#[test]
fn requests_of_mcp_are_counted_by_the_names_of_the_conventions() {
    let (collector, upstream) = (Collector::start(), Upstream::saying("hello"));
    let (ostler, server) = busy(&collector, &upstream);
    let page = figures(&ostler);
    let client = |labels: &[&str]| value(&page, "mcp_client_operation_duration_seconds_count", labels);
    let echo =
        ["mcp_method_name=\"tools/call\"", "gen_ai_tool_name=\"echo\"", "gen_ai_operation_name=\"execute_tool\""];
    assert_eq!(client(&[&echo[..], &["network_transport=\"pipe\"", "error_type=\"\""]].concat()), 2.0);
    assert_eq!(client(&["gen_ai_tool_name=\"fail\"", "error_type=\"tool_error\""]), 1.0);
    assert_eq!(client(&["error_type=\"-32602\"", "rpc_response_status_code=\"-32602\""]), 1.0);
    let asked = |labels: &[&str]| value(&page, "mcp_server_operation_duration_seconds_count", labels);
    assert_eq!(asked(&["mcp_method_name=\"tools/call\"", "mcp_protocol_version=\"2026-07-28\"", "tcp"]), 1.0);
    assert_eq!(asked(&["mcp_method_name=\"initialize\"", "mcp_protocol_version=\"2025-11-25\""]), 1.0);
    assert_eq!(value(&page, "mcp_server_session_duration_seconds_count", &["2025-11-25"]), 1.0);
    for bound in [
        "0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1.0", "2.0", "5.0", "10.0", "30.0", "60.0", "120.0", "300.0",
        "+Inf",
    ] {
        value(&page, "mcp_client_operation_duration_seconds_bucket", &[&format!("le=\"{bound}\"")]);
    }
    assert!(!page.contains("made-up"), "what callers make up is no label: {page}");
    assert_eq!(value(&page, "ostler_server_up", &[&server.id, "server_name=\"horse\""]), 1.0);
    server.stop().is(200);
    assert_eq!(value(&figures(&ostler), "ostler_server_up", &["server_name=\"horse\""]), 0.0);
    let ended = "mcp_client_session_duration_seconds_count";
    eventually("the session with it is counted", || figures(&ostler).contains(ended).then_some(()));
    assert_eq!(value(&figures(&ostler), ended, &["network_transport=\"pipe\"", "2025-11-25"]), 1.0);
}

#[test]
fn services_are_counted_by_instance_with_their_breakers() {
    let is_broken = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_broken);
    let upstream = Upstream::start(move |_, wire| {
        if told.load(Ordering::SeqCst) {
            return Then::Reset;
        }
        wire.send(ok("hello"));
        Then::Keep
    });
    let collector = Collector::start();
    let (ostler, _) = busy(&collector, &upstream);
    let place = format!("upstream=\"127.0.0.1:{}\"", upstream.port());
    let of = |name: &str, label: &str| value(&figures(&ostler), name, &["service=\"s\"", &place, label]);
    assert_eq!(of("ostler_gateway_requests_total", ""), 1.0);
    assert_eq!(of("ostler_gateway_instance_available", ""), 1.0);
    assert_eq!(of("ostler_gateway_breaker", "state=\"closed\""), 1.0);
    assert_eq!(value(&figures(&ostler), "ostler_gateway_request_duration_seconds_count", &["service=\"s\""]), 1.0);
    is_broken.store(true, Ordering::SeqCst);
    Wire::to(ostler.address).get("/s/x").is(502);
    assert!(of("ostler_gateway_errors_total", "reason=\"reset\"") >= 1.0);

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = json!({"name": "gone", "basePath": "/gone", "instances": [{"host": "127.0.0.1", "port": nobody}]});
    ostler.admin().post("/api/gateway/services", gone).is(201);
    eventually("it is found to be gone", || {
        (value(&figures(&ostler), "ostler_gateway_instance_available", &["service=\"gone\""]) == 0.0).then_some(())
    });
}

#[test]
fn figures_are_for_those_who_manage_everything_and_come_in_both_formats() {
    let ostler = Ostler::spawn();
    ostler.user("developer").get("/metrics").problem(403, "forbidden");
    ostler.anonymous().get("/metrics").problem(401, "unauthenticated");
    let open = ostler.admin().ask("GET", "/metrics").header("Accept", "application/openmetrics-text").send().is(200);
    assert!(open.text().contains("# TYPE ostler_server_restarts counter\n") && open.text().ends_with("# EOF\n"));
    let text = figures(&ostler);
    assert!(text.contains("# TYPE ostler_server_restarts_total counter\n") && !text.contains("# EOF"), "{text}");
}

#[test]
fn every_figure_that_deploy_asks_for_is_there() {
    let (collector, upstream) = (Collector::start(), Upstream::saying("hello"));
    let (ostler, _) = busy(&collector, &upstream);
    let page = figures(&ostler);
    let there: BTreeSet<_> = page.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
    let mut asked = BTreeSet::new();
    for file in ["prometheus/rules.yml", "prometheus/rules.test.yml", "grafana/ostler.json"] {
        let text = std::fs::read_to_string(deploy().join(file)).unwrap();
        let is_name =
            |word: &&str| word.starts_with("ostler_") || (word.starts_with("mcp_") && word.contains("_duration_"));
        let words = text.split(|part: char| !part.is_alphanumeric() && part != '_');
        asked.extend(words.filter(is_name).map(str::to_owned));
    }
    assert!(asked.len() > 15, "{asked:?}");
    let missing: Vec<_> = asked.iter().filter(|name| !there.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?} in\n{page}");
    let dashboard = std::fs::read_to_string(deploy().join("grafana/ostler.json")).unwrap();
    assert!(serde_json::from_str::<Value>(&dashboard).unwrap()["panels"].as_array().unwrap().len() > 20);
}

#[test]
fn promtool_accepts_the_figures_the_rules_and_what_the_rules_are_tested_with() {
    let Some(promtool) = promtool() else { return absent("promtool is missing: .ci/run fetches it") };
    let run = |arguments: &[&str], input: &str| {
        let mut command = Command::new(&promtool);
        command.args(arguments).current_dir(deploy().join("prometheus"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ran = child.wait_with_output().unwrap();
        let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(ran.status.success(), "promtool {arguments:?}: {said}");
    };
    run(&["check", "rules", "rules.yml"], "");
    run(&["test", "rules", "rules.test.yml"], "");
    run(&["check", "config", "--syntax-only", "prometheus.yml"], "");
    let (collector, upstream) = (Collector::start(), Upstream::saying("hello"));
    let (ostler, _) = busy(&collector, &upstream);
    run(&["check", "metrics"], &figures(&ostler));
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// Where it is installed, or where `.ci/run` puts it.
fn promtool() -> Option<PathBuf> {
    let fetched = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?.join("prometheus/usr/bin");
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).chain([fetched]);
    places.find_map(|place| Some(place.join("promtool")).filter(|program| program.exists()))
}
