//! The tools of the fake; every mode has them.

use std::{
    io::Write,
    sync::{atomic::Ordering, mpsc},
    time::Duration,
};

use crate::{
    Server, appetite, attempts, json, malformed,
    modes::{die, for_ever, pause},
    offers,
    wire::{self, failure, notify, text},
};

/// A tool's result as JSON, or a JSON-RPC error.
pub(crate) type ToolResult = Result<String, (i32, String)>;

const TOOLS: [&str; 20] = [
    "echo",
    "raw",
    "fail",
    "sleep",
    "hang",
    "crash",
    "pid",
    "count",
    "big",
    "progress",
    "cancelled",
    "say",
    "ask",
    "grow",
    "close",
    "stop-reading",
    "cwd",
    "received",
    "pings",
    "flood",
];

/// What a server has that shows a page beside its tool (MCP Apps).
const APP_TOOLS: [&str; 2] = [
    r#"{"name":"app","inputSchema":{"type":"object"},"_meta":{"ui":{"resourceUri":"ui://app/page"}}}"#,
    r#"{"name":"greeted","inputSchema":{"type":"object"}}"#,
];

/// Answers `tools/list`, in as many pages as the mode wants.
pub(crate) fn list(server: &Server, id: &str, line: &str) {
    if server.mode.is("ping-hang") && !server.mode.argument.is_empty() {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&server.mode.argument).unwrap();
        writeln!(file, "asked").unwrap();
    }
    if server.mode.is("tools-need-file") && !std::path::Path::new(&server.mode.argument).exists() {
        return wire::refuse(id, -32603, "fetch failed");
    }
    let mut tools: Vec<String> = TOOLS.iter().map(|name| describe(name)).collect();
    tools.extend((0..server.grown.load(Ordering::SeqCst)).map(|number| describe(&format!("grown-{number}"))));
    if server.mode.is_app() {
        tools.extend(APP_TOOLS.map(str::to_owned));
    }
    if server.mode.is("malformed") {
        tools.extend(malformed::TOOLS.map(str::to_owned));
    }
    if server.mode.is("reads-tools") {
        let lines = std::fs::read_to_string(&server.mode.argument).unwrap_or_default();
        tools.extend(lines.lines().map(str::to_owned));
    }
    let mut next = None;
    if server.mode.is("pages") {
        let page = json::string(line, &["params", "cursor"]).and_then(|page| page.parse().ok()).unwrap_or(0);
        tools = if page == 0 { tools } else { vec![describe(&format!("page-{page}"))] };
        next = (page + 1 < server.mode.number()).then(|| (page + 1).to_string());
    }
    if server.mode.is("deep") {
        tools.push(format!(r#"{{"name":"buried","inputSchema":{{"type":"object","x":{}}}}}"#, nested(100_000)));
    }
    if server.mode.is("cursor-loop") {
        next = Some("again".into());
    }
    let next = next.map(|cursor| format!(r#","nextCursor":"{cursor}""#)).unwrap_or_default();
    let modern = r#","resultType":"complete","ttlMs":0,"cacheScope":"private""#;
    let modern = if server.era_modern.load(Ordering::SeqCst) { modern } else { "" };
    wire::answer(id, &format!(r#"{{"tools":[{}]{next}{modern}}}"#, tools.join(",")));
}

/// A description with a field nobody knows, in an order nobody sorts by.
fn describe(name: &str) -> String {
    format!(
        r#"{{"name":"{name}","x-vendor":{{"z":1,"a":9007199254740993}},"inputSchema":{{"type":"object"}},"description":"the {name} tool"}}"#
    )
}

/// Writes so much of a line, says on standard error that it has, and never ends it.
fn unfinished(bytes: usize) -> ! {
    wire::raw(&vec![b'x'; bytes]);
    eprintln!("written");
    for_ever()
}

/// Runs the tool that `line` names.
pub(crate) fn run(server: &Server, id: &str, line: &str) -> ToolResult {
    let name = json::string(line, &["params", "name"]).unwrap_or_default();
    let argument = |key| json::at(line, &["params", "arguments", key]);
    let number = |key| json::number(line, &["params", "arguments", key]).unwrap_or(0);
    let words = |key| json::string(line, &["params", "arguments", key]).unwrap_or_default();
    Ok(match name {
        "echo" => {
            pause(number("ms"));
            echo(line)
        }
        "deep" => format!(r#"{{"content":[],"structuredContent":{}}}"#, nested(number("levels") as usize)),
        "raw" => argument("result").unwrap_or("{}").to_owned(),
        "received" => text(line),
        "greeted" => text(&server.greeting.lock().unwrap()),
        "fail" => failure("it was meant to fail"),
        "sleep" => {
            pause(number("ms"));
            text("slept")
        }
        "hang" => for_ever(),
        "crash" => die(9, "crashing because a tool said so"),
        "pid" => text(&std::process::id().to_string()),
        "cwd" => text(&std::env::current_dir().unwrap_or_default().to_string_lossy()),
        "count" => count(server, words("file")),
        "attempt" => text(&attempts::run(words("kind"), words("target"))),
        "big" => text(&"x".repeat(number("bytes") as usize)),
        "progress" => progress(line, number("steps"), number("ms")),
        "cancelled" => text(&server.cancelled.lock().unwrap().join(",")),
        "unfinished" => unfinished(number("bytes") as usize),
        "say" => say(words("text")),
        "ask" => text(&ask_the_client(server, id)),
        "pings" => text(&server.pings.load(Ordering::SeqCst).to_string()),
        "flood" => text(&flood(words("kind"), Duration::from_millis(number("ms"))).to_string()),
        "subject" => text("called"),
        "grow" | "announce" => {
            server.grown.fetch_add(u64::from(name == "grow"), Ordering::SeqCst);
            notify("notifications/tools/list_changed", "{}");
            text("grown")
        }
        name if server.mode.offers()
            && let Some(result) = offers::run(server, name, line) =>
        {
            result
        }
        name if let Some(result) = appetite::run(name, number, words("file")) => result,
        unknown => return Err((-32602, format!("Unknown tool: {unknown}"))),
    })
}

/// Writes a line to standard error.
fn say(words: &str) -> String {
    eprintln!("{words}");
    text("said")
}

/// Arrays in each other.
fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

/// The message as text, and all arguments byte for byte as structured content.
fn echo(line: &str) -> String {
    let arguments = json::at(line, &["params", "arguments"]).unwrap_or("{}");
    let message = json::field(arguments, "message").filter(|text| text.starts_with('"')).unwrap_or("\"\"");
    format!(r#"{{"content":[{{"type":"text","text":{message}}}],"structuredContent":{arguments}}}"#)
}

/// Counts in memory, and in a file where one is named, so that a test sees what outlived the process.
fn count(server: &Server, file: &str) -> String {
    let count = server.count.fetch_add(1, Ordering::SeqCst) + 1;
    if !file.is_empty() {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{count}").unwrap();
    }
    text(&count.to_string())
}

fn progress(line: &str, steps: u64, milliseconds: u64) -> String {
    let Some(token) = json::at(line, &["params", "_meta", "progressToken"]) else { return text("no token") };
    for step in 1..=steps {
        pause(milliseconds);
        notify(
            "notifications/progress",
            &format!(r#"{{"progressToken":{token},"progress":{step},"total":{steps},"message":"step {step}"}}"#),
        );
    }
    text("done")
}

/// Writes as much as the reader takes, for a while, in large pieces; how many lines that was.
#[allow(clippy::disallowed_methods)]
fn flood(kind: &str, time: Duration) -> u64 {
    let line = match kind {
        "stderr" => "a line on standard error that says very little indeed\n",
        "stderr-no-newline" => "................................................",
        "notifications" => {
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"again\"}}\n"
        }
        "list-changed" => "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n",
        "stray-lines" => "this is not JSON\n",
        "stray-answers" => "{\"jsonrpc\":\"2.0\",\"id\":123456789,\"result\":{}}\n",
        _ => return 0,
    };
    let piece = line.repeat(1000);
    let began = std::time::Instant::now();
    let mut lines = 0;
    while began.elapsed() < time {
        match kind {
            "stderr" | "stderr-no-newline" => eprint!("{piece}"),
            _ => wire::raw(piece.as_bytes()),
        }
        lines += 1000;
    }
    eprintln!();
    lines
}

/// Asks the client three things and says what came back; a client that leaves one open makes this hang.
fn ask_the_client(server: &Server, id: &str) -> String {
    let mut heard = Vec::new();
    for method in ["roots/list", "sampling/createMessage", "ping"] {
        let own_id = format!("of-mine-{}-{method}", id.trim_matches('"'));
        let (sender, receiver) = mpsc::channel();
        server.asked.lock().unwrap().insert(own_id.clone(), sender);
        wire::ask(&own_id, method);
        heard.push(match receiver.recv_timeout(Duration::from_secs(20)) {
            Ok(line) => format!("{method}={}", json::at(&line, &["error", "code"]).unwrap_or("result")),
            Err(_) => format!("{method}=silence"),
        });
    }
    heard.join(" ")
}
