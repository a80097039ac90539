//! Published servers with habits of their own, none of which keeps them from serving.

use super::*;
use crate::support::mcp::Modern;

#[test]
fn the_code_runner_writes_stray_lines_and_they_are_shown() {
    let Some(folder) = node_servers() else { return };
    let ostler = Ostler::spawn();
    let script = folder.join("node_modules/mcp-server-code-runner/dist/cli.js");
    let server = ostler.admin().running(Spec::new("node", json!([script])));
    assert_eq!(server.tool_names(), ["run-code"]);
    server.details().has("/runtimeStatus/strayLines", 1).has("/runtimeStatus/restarts", 0);
    let output = server.caller.get(&server.path("/output")).is(200);
    output.has("/items/0/line", "Code Runner MCP Server running on stdio").has("/items/0/stream", "stdout");
    server.stop().is(200);
    ostler.leaves_nothing();
}

#[test]
fn supabase_cannot_list_its_tools_and_is_up_all_the_same() {
    let Some(folder) = node_servers() else { return };
    let ostler = Ostler::spawn();
    let script = folder.join("node_modules/@supabase/mcp-server-supabase/dist/cli.js");
    let token = format!("sbp_{:040}", 0);
    let spec = Spec::new("node", json!([script, "--api-url", NOWHERE])).env("SUPABASE_ACCESS_TOKEN", &token);
    let server = ostler.admin().running(spec);
    let details = server.details().has("/runtimeStatus/status", "running").has("/runtimeStatus/restarts", 0);
    details.has("/runtimeStatus/fault", "tools/list was refused with -32603: fetch failed");
    server.stop().is(200);
    ostler.leaves_nothing();
}

#[test]
fn playwright_takes_the_variable_that_its_documentation_names() {
    let Some(folder) = node_servers() else { return };
    let ostler = Ostler::spawn();
    let script = folder.join("node_modules/@playwright/mcp/cli.js");
    // Not the browser it would look for by itself.
    let spec = Spec::new("node", json!([script, "--headless"])).env("PLAYWRIGHT_MCP_BROWSER", "msedge");
    let server = ostler.admin().running(spec);
    let answer = server.call("browser_navigate", json!({"url": "about:blank"})).is(400);
    assert!(answer.text().contains("'msedge' is not found"), "{answer:?}");
    server.stop().is(200);
    ostler.leaves_nothing();
}

#[test]
fn the_postgres_server_fails_a_list_and_the_others_lists_are_whole() {
    let Some(folder) = node_servers() else { return };
    let ostler = Ostler::spawn();
    let admin = ostler.admin();
    let postgres = admin.running(node(&folder, "server-postgres", &["postgresql://127.0.0.1:9/x"]).named("postgres"));
    admin.running(node(&folder, "server-everything", &["stdio"]).named("everything"));
    let own = Modern::new(&admin, &format!("/mcp/{}", postgres.id)).send("resources/list", json!({}));
    assert!(own.text().contains("ECONNREFUSED"), "{own:?}");
    let client = Modern::new(&admin, "/mcp");
    assert!(!client.send("resources/list", json!({})).is(200).list("/result/resources").is_empty());
    let tools = client.send("tools/list", json!({})).is(200).text();
    assert!(tools.contains("\"postgres__query\"") && tools.contains("\"everything__echo\""), "{tools}");
}

#[test]
fn task_checkpoint_knows_no_ping_and_is_not_taken_for_dead() {
    let Some(folder) = python_servers("modern") else { return };
    let ostler = Ostler::with(&[("MCP_HEALTH_CHECK_INTERVAL", "1000")]);
    let asked = ostler.setup.servers_dir().canonicalize().unwrap().join("asked");
    let program = folder.join("task-checkpoint-mcp");
    let spec =
        Spec::new("sh", json!(["-c", format!("tee '{}' | '{}'", asked.display(), program.display())])).uncontained();
    let server = ostler.admin().running(spec);
    within(seconds(60), "it was pinged more often than pings may be missed", || {
        (std::fs::read_to_string(&asked).unwrap_or_default().matches("\"ping\"").count() > 4).then_some(())
    });
    server.details().has("/runtimeStatus/restarts", 0).has("/server/healthStatus", "HEALTHY");
    let root = ostler.setup.servers_dir().canonicalize().unwrap();
    let answer = server.call("tc_init", json!({"root": root, "name": "x", "goal": "y"})).is(200);
    assert!(!answer.said().is_empty(), "{answer:?}");
    server.stop().is(200);
    ostler.leaves_nothing();
}
