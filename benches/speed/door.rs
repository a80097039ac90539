//! Calls through the MCP endpoint in both eras, beside the same calls through `/execute`; and the first list of a run.

use std::{fs, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    Outcome,
    load::{self, Answer, Connection, Request, TOKEN, Until},
    ostler::{Folder, Ostler},
    plan::Plan,
    table::{Sample, Table, median, milliseconds},
};

const IN_FLIGHT: [usize; 3] = [1, 16, 64];

/// Least calls a second, as a share of those of `/execute`.
const LEAST_SHARE: f64 = 0.85;

/// Most that the first list may take.
const MOST: Duration = Duration::from_millis(5);

const TOOLS: usize = 50;

const EXECUTE: &str = "`/execute` in the same rounds";

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
const ACCEPT: (&str, &str) = ("accept", "application/json, text/event-stream");

pub async fn measure(plan: &Plan, table: &mut Table) -> Outcome<()> {
    calls(plan, table).await?;
    first_lists(plan, table).await
}

/// One way to call the same tool, and what was measured of it at each number in flight.
struct Way {
    name: &'static str,
    request: Request,
    rounds: [Vec<Sample>; 3],
}

async fn calls(plan: &Plan, table: &mut Table) -> Outcome<()> {
    let folder = Folder::new()?;
    let ostler = Ostler::start(&folder, &folder.database("ostler.db"), plan.workers).await?;
    let server = ostler.register("echo", true).await?;
    ostler.ready(&server).await?;
    let way = |name, request| Way { name, request, rounds: Default::default() };
    let session = session(&ostler, &server).await?;
    let mut ways = [
        way(EXECUTE, ostler.call(&server)),
        way("`tools/call` through `/mcp/{id}`, 2026-07-28", modern(&ostler, &server, "tools/call")),
        way("`tools/call` through `/mcp/{id}`, a session of 2025-11-25", session),
    ];
    for round in 1..=plan.rounds {
        eprintln!("  round {round} of {}", plan.rounds);
        for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
            // By turns, as who comes first has it easier.
            for turn in 0..ways.len() {
                let way = &mut ways[(round + turn) % 3];
                let run = load::run(ostler.address, &way.request, in_flight, Until::Passed(plan.span)).await?;
                way.rounds[at].push(run.sample);
            }
        }
    }
    for way in &ways {
        for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
            let shares = way.rounds[at].iter().zip(&ways[0].rounds[at]);
            let share = median(shares.map(|(way, execute)| way.per_second / execute.per_second));
            let means = format!("{share:.2} of `/execute` (aim: at least {LEAST_SHARE})");
            let means = if way.name == EXECUTE { String::new() } else { means };
            table.add_calls(way.name, in_flight, Sample::median(&way.rounds[at]), means);
        }
    }
    Ok(())
}

/// A request of the newer era: a call of `echo`, or a list.
fn modern(ostler: &Ostler, server: &str, method: &str) -> Request {
    let call = format!(r#""name":"echo","arguments":{{"text":"{TOKEN}"}},"#);
    let (call, name) = if method == "tools/call" { (call.as_str(), "echo") } else { ("", "") };
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{call}{META}}}}}"#);
    let mut fields = vec![ACCEPT, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    if !name.is_empty() {
        fields.push(("mcp-name", name));
    }
    Request::with("POST", &format!("/mcp/{server}"), &ostler.key, &fields, &body)
}

/// A call of `echo` in a new session of the older era.
async fn session(ostler: &Ostler, server: &str) -> Outcome<Request> {
    let path = format!("/mcp/{server}");
    let request = |fields: &[_], body: &str| {
        let fields = [&[ACCEPT, ("mcp-protocol-version", "2025-11-25")], fields].concat();
        Request::with("POST", &path, &ostler.key, &fields, body)
    };
    let client = r#""capabilities":{},"clientInfo":{"name":"speed","version":"1"}"#;
    let params = format!(r#"{{"protocolVersion":"2025-11-25",{client}}}"#);
    let initialize = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#);
    let mut connection = Connection::open(ostler.address).await?;
    let answer = connection.ask(&request(&[], &initialize)).await?;
    let session = answer.field("mcp-session-id").ok_or("no session")?.to_owned();
    let fields = [("mcp-session-id", session.as_str())];
    connection.ask(&request(&fields, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)).await?;
    // The ids of a session are told apart, so each call's is its token.
    let params = r#"{"name":"echo","arguments":{"text":"sixteen letters."}}"#;
    let call = format!(r#"{{"jsonrpc":"2.0","id":"{TOKEN}","method":"tools/call","params":{params}}}"#);
    Ok(request(&fields, &call))
}

/// The first list after each start, of a server that does not run.
async fn first_lists(plan: &Plan, table: &mut Table) -> Outcome<()> {
    let folder = Folder::new()?;
    let database = folder.database("ostler.db");
    let script = folder.path().join("server.sh");
    fs::write(&script, many_tools())?;
    let ostler = Ostler::start(&folder, &database, plan.workers).await?;
    let server = ostler.register_program("many", "sh", script.to_str().ok_or("no path")?, false).await?;
    ostler.ready(&server).await?;
    ostler.ask("POST", &format!("/api/mcp/{server}/stop"), &Value::Null).await?;
    let key = ostler.key.clone();
    drop(ostler);
    let mut taken = Vec::new();
    for _ in 0..plan.kills {
        let ostler = Ostler::start_again(&folder, &database, plan.workers, key.clone())?;
        let request = modern(&ostler, &server, "tools/list");
        let begun = Instant::now();
        let mut connection = Connection::open(ostler.address).await?;
        let Answer { status, body, .. } = connection.ask(&request).await?;
        taken.push(begun.elapsed().as_secs_f64());
        let list: Value = serde_json::from_slice(body)?;
        let tools = list["result"]["tools"].as_array().map_or(0, Vec::len);
        if (status, tools) != (200, TOOLS) {
            return Err(format!("not {TOOLS} tools: {status} {}", String::from_utf8_lossy(body)).into());
        }
    }
    let time = milliseconds(Duration::from_secs_f64(median(taken.into_iter())));
    let figure =
        format!("{time} ms, median of {}, connecting included (aim: under {})", plan.kills, milliseconds(MOST));
    table.add_figure(format!("first `tools/list` of a run: {TOOLS} tools of a server that is down"), figure);
    Ok(())
}

/// A server of the older era as a shell script, with that many tools.
fn many_tools() -> String {
    let tool = |number| {
        let property = r#"{"type":"string","description":"Something that is needed for it, in some words"}"#;
        let schema = format!(r#"{{"type":"object","properties":{{"one":{property},"two":{property}}}}}"#);
        format!(r#"{{"name":"tool-{number}","description":"Does a thing with a number","inputSchema":{schema}}}"#)
    };
    let tools: Vec<_> = (0..TOOLS).map(tool).collect();
    let greeting =
        r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"many","version":"1"}}"#;
    format!(
        r#"while read -r line; do
    id=${{line#*'"id":'}}
    id=${{id%%[,\}}]*}}
    case $line in
        *'"initialize"'*) printf '{{"jsonrpc":"2.0","id":%s,"result":%s}}\n' "$id" '{greeting}' ;;
        *'"tools/list"'*) printf '{{"jsonrpc":"2.0","id":%s,"result":{{"tools":[%s]}}}}\n' "$id" '{}' ;;
        *'"ping"'*) printf '{{"jsonrpc":"2.0","id":%s,"result":{{}}}}\n' "$id" ;;
        *'"id":'*) printf '{{"jsonrpc":"2.0","id":%s,"error":{{"code":-32601,"message":"no"}}}}\n' "$id" ;;
    esac
done
"#,
        tools.join(",")
    )
}
