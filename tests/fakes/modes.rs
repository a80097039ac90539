//! How the fake misbehaves, mode by mode.

use std::{
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio, exit},
    sync::atomic::Ordering,
    time::Duration,
};

use crate::{
    Server, json,
    tools::ToolResult,
    wire::{self, notify, raw},
};

/// The first two arguments.
pub(crate) struct Mode {
    pub(crate) name: String,
    pub(crate) argument: String,
}

impl Mode {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether there is more than tools.
    pub(crate) fn offers(&self) -> bool {
        self.argument == "offers"
    }

    /// Whether it shows pages, and says so.
    pub(crate) fn is_app(&self) -> bool {
        self.is("app") || self.is("modern-app")
    }

    pub(crate) fn number(&self) -> u64 {
        self.argument.parse().unwrap_or(0)
    }
}

/// What happens before the first line is read; many modes never get further.
pub(crate) fn before_serving(mode: &Mode) {
    match mode.name.as_str() {
        "crash-at-start" => die(3, &format!("crashing at start, as told\nrun {}\nthis is the last line", run_name())),
        "exit0" => exit(0),
        "needs-file" if !Path::new(&mode.argument).exists() => die(4, "the file it needs is missing"),
        "slow-start" | "late-dual" => pause(mode.number()),
        "garbage-banner" => banner(),
        "stderr-flood" => flood(mode.number(), b"a line on standard error that says very little indeed\n"),
        "stderr-no-newline" => flood(mode.number(), b"................................................"),
        "grandchild" => launch(),
        "daemon" => leave_a_daemon(Stdio::null),
        "daemon-with-pipes" => leave_a_daemon(Stdio::inherit),
        "ignores-term" => serve_through_shell("trap '' TERM HUP INT; exec \"$0\" deaf"),
        "closes-stdout" => serve_through_shell("\"$0\" until-closed; exec 1>&-; exec sleep 600"),
        "linger" => for_ever(),
        "hold-pipes" => hold_pipes(mode.number()),
        "dump-env" => dump_environment(&mode.argument),
        "banner" => eprintln!("{}", mode.argument),
        _ => {}
    }
}

/// What happens when standard input ends.
pub(crate) fn after_end_of_input(mode: &Mode) {
    match mode.name.as_str() {
        "deaf" => for_ever(),
        "slow-stop" => pause(mode.number()),
        _ => {}
    }
}

/// What happens when a call has come in; `false` means it is not to be run.
pub(crate) fn before_call(server: &Server, id: &str, line: &str) -> bool {
    match server.mode.name.as_str() {
        "crash-on-call" => die(5, "crashing on a call, as told"),
        "half-line-then-die" => {
            raw(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"te"#).as_bytes());
            exit(6);
        }
        "hang-on-call" => return false,
        "until-closed" if json::string(line, &["params", "name"]) == Some("close") => exit(0),
        "notify-flood" => {
            for number in 0..server.mode.number() {
                notify("notifications/message", &format!(r#"{{"level":"info","data":"number {number}"}}"#));
            }
        }
        _ => {}
    }
    true
}

/// Sends the answer to a call, well or badly.
pub(crate) fn send(server: &Server, id: &str, result: ToolResult) {
    let stolen = wire::text("STOLEN");
    let modern = server.era_modern.load(Ordering::SeqCst);
    let result =
        if modern { result.map(|result| result.replacen('{', "{\"resultType\":\"complete\",", 1)) } else { result };
    match server.mode.name.as_str() {
        "dup-ids" => {
            deliver(id, &result);
            wire::answer(id, &stolen);
            return;
        }
        "unknown-ids" => {
            for offset in 1..20 {
                let guessed = id.parse::<u64>().map_or_else(|_| quoted(id), |id| (id + offset).to_string());
                wire::answer(&guessed, &stolen);
            }
            wire::answer("null", &stolen);
            wire::answer("123456789", &stolen);
        }
        "string-ids" => {
            deliver(&id.parse::<u64>().map_or_else(|_| id.to_owned(), |_| quoted(id)), &result);
            return;
        }
        "huge-line" => huge_line(id, server.mode.number()),
        "pretty-json" => raw(format!("{{\n  \"jsonrpc\": \"2.0\",\n  \"id\": {id}\n}}\n").as_bytes()),
        "stray-lines" => raw(b"this is not JSON\r\n\n[1,2]\nnull\n42\n\xff\xfe broken text\n{\"half\":\n"),
        _ => {}
    }
    deliver(id, &result);
}

fn deliver(id: &str, result: &ToolResult) {
    match result {
        Ok(result) => wire::answer(id, result),
        Err((code, message)) => wire::refuse(id, *code, message),
    }
}

/// Letters that no other process has: words that are the same twice are taken for a fault that stays.
fn run_name() -> String {
    std::process::id().to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

fn quoted(id: &str) -> String {
    format!("\"{}\"", id.trim_matches('"'))
}

fn huge_line(id: &str, bytes: u64) {
    raw(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":""#).as_bytes());
    let piece = [b'x'; 65_536];
    for _ in 0..bytes / 65_536 {
        raw(&piece);
    }
    raw(b"\"}]}}\n");
}

fn banner() {
    for number in 0..36 {
        raw(format!("*** starting the one and only server, step {number} ***\n").as_bytes());
    }
    raw(b"\r\n\n[\n{}\n{\"hello\":true}\n\xff\xfe\n");
}

fn flood(bytes: u64, piece: &[u8]) {
    let mut err = std::io::stderr().lock();
    for _ in 0..=bytes / 48 {
        let _ = err.write_all(piece);
    }
}

/// Takes so many pipes of what its user may have, until standard input ends.
fn hold_pipes(count: u64) {
    let held: Vec<_> = (0..count).map(|_| std::io::pipe().unwrap()).collect();
    println!("{}", held.len());
    let _ = std::io::stdin().read_line(&mut String::new());
    exit(0);
}

/// Stays in front of the real server, as `npx` and `sh -c` do.
fn launch() {
    let status = Command::new(this_program()).arg("ok").status().unwrap();
    exit(status.code().unwrap_or(1));
}

/// Leaves a process behind that has a session of its own and no parent that knows it.
fn leave_a_daemon(pipes: fn() -> Stdio) {
    let mut setsid = Command::new("setsid");
    setsid.arg("-f").arg(this_program()).arg("linger");
    setsid.stdin(Stdio::null()).stdout(pipes()).stderr(pipes()).status().unwrap();
}

fn serve_through_shell(script: &str) {
    let error = Command::new("sh").arg("-c").arg(script).arg(this_program()).exec();
    die(7, &error.to_string());
}

fn dump_environment(file: &str) {
    let mut lines: Vec<_> = std::env::vars().map(|(key, value)| format!("{key}={value}\n")).collect();
    lines.sort();
    std::fs::write(file, lines.concat()).unwrap();
}

pub(crate) fn this_program() -> std::path::PathBuf {
    std::env::current_exe().unwrap()
}

pub(crate) fn die(code: i32, last_words: &str) -> ! {
    eprintln!("{last_words}");
    exit(code)
}

pub(crate) fn for_ever() -> ! {
    loop {
        pause(60_000);
    }
}

/// Time passing inside a fake is what is being tested, so here a sleep is no bug.
#[allow(clippy::disallowed_methods)]
pub(crate) fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
