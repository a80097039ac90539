//! A small MCP server on standard input and output, so that a first try needs neither Node nor Python: `ostler
//! demo-server`.
//!
//! It stands apart from the other rooms, so that any program can be one: the examples start themselves as theirs, and
//! every program with a guard is one before `main`, if its argument says so, for [`testing`](crate::testing).
//!
//! It speaks the revisions with a handshake and the one without, and is held to either by its first message. One thread
//! reads, answers and writes; only a call that waits gets a thread of its own. Answers are written when no further
//! message is at hand, so a burst costs one write.

mod call;
mod era;
mod message;
mod offers;
mod slow;
mod style;
mod tools;

use std::{
    io::{self, BufRead, BufReader, Write},
    process::ExitCode,
    sync::mpsc,
    time::Duration,
};

use call::Call;
use message::{DemoError, DemoMessage, DemoParams};
use slow::SlowCalls;
use tools::Done;

pub use era::DemoEra;

/// Buffered input, and the most output that waits for a pause in it.
const BUFFER: usize = 64 * 1024;

/// The first argument of a program that is to be the demo server, before its `main`.
pub(crate) const ARGUMENT: &str = "--ostler-demo-server";

/// Options of the demo server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The revisions to speak.
    pub era: DemoEra,
    /// Delay before the first message is read.
    pub startup_delay: Duration,
}

/// Serves until standard input ends, the client is gone, or a tool ends the process; answers the exit code. Blocks.
///
/// The tools: `echo`, `add`, `sleep`, `fail`, `crash`, `env`, `pid` and `stderr`. Beside them a prompt, `greet`, a
/// resource, `demo://about`, and resources at `demo://echo/{text}`.
pub fn run(options: &Options) -> ExitCode {
    ExitCode::from(serve(options))
}

/// Serves and exits, if this process was started to be the demo server.
pub(crate) fn enter() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == ARGUMENT) {
        std::process::exit(serve(&Options::default()).into());
    }
}

fn serve(options: &Options) -> u8 {
    // This channel's sender never sends: to wait for it is to sleep.
    let (_sender, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(options.startup_delay);
    let mut server = DemoServer::new(options.era);
    match server.serve(&mut BufReader::with_capacity(BUFFER, io::stdin().lock())) {
        Ok(code) => code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "demo-server: {error}");
            1
        }
    }
}

/// The next step after a message.
#[derive(Debug, PartialEq, Eq)]
enum NextStep {
    /// The next message.
    Read,
    /// The process ends with this code.
    Exit(u8),
}

/// One conversation.
struct DemoServer {
    conversation: era::DemoPhase,
    slow: SlowCalls,
    tools: String,
    out: Vec<u8>,
}

impl DemoServer {
    fn new(era: DemoEra) -> Self {
        Self {
            conversation: era.begin(),
            slow: SlowCalls::default(),
            tools: tools::list(),
            out: Vec::with_capacity(BUFFER),
        }
    }

    fn serve(&mut self, input: &mut BufReader<impl io::Read>) -> io::Result<u8> {
        let mut line = Vec::new();
        loop {
            if self.out.len() >= BUFFER || memchr::memchr(b'\n', input.buffer()).is_none() {
                self.write()?;
            }
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                return Ok(0);
            }
            if let NextStep::Exit(code) = self.line(&line) {
                self.write()?;
                return Ok(code);
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&self.out)?;
            stdout.flush()?;
            self.out.clear();
        }
        Ok(())
    }

    /// Answers one line. What is no message is noted on standard error, as servers do.
    fn line(&mut self, line: &[u8]) -> NextStep {
        if line.trim_ascii().is_empty() {
            return NextStep::Read;
        }
        match serde_json::from_slice::<DemoMessage<'_>>(line) {
            Ok(fields) if fields.id.is_some() && !fields.method.is_empty() => self.request(&fields),
            Ok(fields) => {
                self.notification(&fields);
                NextStep::Read
            }
            Err(error) => {
                let _ = writeln!(io::stderr(), "demo-server: not a message: {error}");
                NextStep::Read
            }
        }
    }

    fn request(&mut self, fields: &DemoMessage<'_>) -> NextStep {
        let answered = fields.params().and_then(|params| {
            self.conversation.admit(&fields.method, &params)?;
            self.method(fields, &params)
        });
        answered.unwrap_or_else(|refusal| {
            message::error(&mut self.out, fields.id, &refusal);
            NextStep::Read
        })
    }

    fn notification(&mut self, fields: &DemoMessage<'_>) {
        if fields.method == "notifications/cancelled"
            && let Ok(DemoParams { request_id: Some(id), .. }) = fields.params()
        {
            self.slow.cancel(id);
        }
    }

    fn method(&mut self, fields: &DemoMessage<'_>, params: &DemoParams<'_>) -> Result<NextStep, DemoError> {
        let style = self.conversation.style();
        match fields.method.as_ref() {
            "tools/call" => return self.call(fields, params),
            "tools/list" => message::listing(&mut self.out, fields.id, style, &self.tools),
            "prompts/list" => message::listing(&mut self.out, fields.id, style, offers::PROMPTS),
            "prompts/get" => {
                message::result(&mut self.out, fields.id, style, &offers::prompt(&params.name, params.arguments)?);
            }
            "resources/list" => message::listing(&mut self.out, fields.id, style, offers::RESOURCES),
            "resources/templates/list" => message::listing(&mut self.out, fields.id, style, offers::TEMPLATES),
            "resources/read" => {
                message::listing(&mut self.out, fields.id, style, &offers::resource(&params.uri, style)?);
            }
            "server/discover" => message::listing(&mut self.out, fields.id, style, era::DISCOVERY),
            "initialize" => {
                let members = era::handshake(params.protocol_version.as_deref());
                message::result(&mut self.out, fields.id, style, &members);
            }
            "ping" => message::result(&mut self.out, fields.id, style, ""),
            unknown => return Err(DemoError::unknown_method(unknown)),
        }
        Ok(NextStep::Read)
    }

    fn call(&mut self, fields: &DemoMessage<'_>, params: &DemoParams<'_>) -> Result<NextStep, DemoError> {
        let Some(id) = fields.id else { return Ok(NextStep::Read) };
        let arguments = params.arguments.map_or("{}", |arguments| arguments.get());
        let token = params.meta.as_ref().and_then(|meta| meta.progress_token);
        let call = Call { id, arguments, token, style: self.conversation.style() };
        match tools::call(&params.name, &call, &self.slow)? {
            Ok(Done::Text(text)) => message::content(&mut self.out, &call, &text, None),
            Ok(Done::Both { text, structured }) => message::content(&mut self.out, &call, &text, Some(&structured)),
            Ok(Done::Later) => {}
            Ok(Done::Exit(code)) => return Ok(NextStep::Exit(code)),
            Err(failure) => message::failure(&mut self.out, &call, &failure),
        }
        Ok(NextStep::Read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

    fn ask(server: &mut DemoServer, line: &str) -> Value {
        server.out.clear();
        server.line(line.as_bytes());
        assert_eq!(server.out.iter().filter(|byte| **byte == b'\n').count(), 1, "{line}");
        serde_json::from_slice(&server.out).unwrap()
    }

    fn modern(method: &str, members: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{{members}{META}}}}}"#)
    }

    fn legacy(method: &str, params: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#)
    }

    fn initialized() -> DemoServer {
        let mut server = DemoServer::new(DemoEra::Auto);
        ask(&mut server, &legacy("initialize", r#"{"protocolVersion":"2025-06-18"}"#));
        server
    }

    #[test]
    fn a_handshake_gets_the_revision_it_asks_for_where_that_is_known() {
        for (asked, given) in [("2024-11-05", "2024-11-05"), ("2026-07-28", "2025-11-25"), ("soon", "2025-11-25")] {
            let answer = ask(
                &mut DemoServer::new(DemoEra::Auto),
                &legacy("initialize", &format!(r#"{{"protocolVersion":"{asked}"}}"#)),
            );
            assert_eq!(answer["result"]["protocolVersion"], given);
        }
    }

    #[test]
    fn the_first_message_decides_the_era_for_good() {
        let mut server = initialized();
        assert_eq!(ask(&mut server, &modern("server/discover", ""))["error"]["code"], -32601);
        assert!(ask(&mut server, &legacy("ping", "{}"))["result"].is_object());

        let mut server = DemoServer::new(DemoEra::Auto);
        assert_eq!(ask(&mut server, &modern("server/discover", ""))["result"]["resultType"], "complete");
        assert_eq!(
            ask(&mut server, &legacy("initialize", r#"{"protocolVersion":"2025-11-25"}"#))["error"]["code"],
            -32022
        );
        assert_eq!(ask(&mut server, &modern("ping", ""))["error"]["code"], -32601);
    }

    #[test]
    fn an_era_can_be_prescribed() {
        assert_eq!(ask(&mut DemoServer::new(DemoEra::Legacy), &modern("server/discover", ""))["error"]["code"], -32601);
        let refused = ask(&mut DemoServer::new(DemoEra::Modern), &legacy("initialize", "{}"));
        assert_eq!(refused["error"]["data"]["supported"][0], "2026-07-28");
    }

    #[test]
    fn modern_requests_name_a_known_revision_and_their_capabilities() {
        let unknown = modern("tools/list", "").replace("2026-07-28", "2031-01-01");
        let answer = ask(&mut DemoServer::new(DemoEra::Auto), &unknown);
        assert_eq!(answer["error"]["code"], -32022);
        assert_eq!(answer["error"]["data"]["requested"], "2031-01-01");
        let bare = modern("tools/list", "").replace("clientCapabilities", "other");
        assert_eq!(ask(&mut DemoServer::new(DemoEra::Modern), &bare)["error"]["code"], -32602);
        let listed = ask(&mut DemoServer::new(DemoEra::Modern), &modern("tools/list", ""));
        assert_eq!(listed["result"]["cacheScope"], "public");
        assert!(listed["result"]["ttlMs"].is_u64());
    }

    #[test]
    fn nothing_is_served_before_the_handshake() {
        assert_eq!(ask(&mut DemoServer::new(DemoEra::Auto), &legacy("tools/list", "{}"))["error"]["code"], -32602);
        assert_eq!(ask(&mut DemoServer::new(DemoEra::Legacy), &legacy("tools/list", "{}"))["error"]["code"], -32600);
    }

    #[test]
    fn echo_repeats_text_and_arguments_byte_for_byte() {
        let arguments = r#"{"z":12345678901234567890123,"text":"a\u00e9\n","raw":true,"a":1.50}"#;
        let mut server = initialized();
        let line = legacy("tools/call", &format!(r#"{{"name":"echo","arguments":{arguments}}}"#));
        assert_eq!(ask(&mut server, &line)["result"]["content"][0]["text"], "aé\n");
        let written = String::from_utf8(server.out).unwrap();
        assert!(written.contains(&format!(r#""structuredContent":{arguments}"#)), "{written}");
    }

    #[test]
    fn failures_are_results_and_unknown_names_are_errors() {
        let mut server = initialized();
        let mut call = |params: &str| ask(&mut server, &legacy("tools/call", params));
        assert_eq!(call(r#"{"name":"fail","arguments":{"message":"no"}}"#)["result"]["isError"], true);
        assert_eq!(call(r#"{"name":"add","arguments":{"a":"x"}}"#)["result"]["isError"], true);
        assert_eq!(call(r#"{"name":"add","arguments":{"a":2,"b":3}}"#)["result"]["structuredContent"]["sum"], 5);
        for nothing in [r#"{"name":"echo","arguments":{"text":"hi","raw":null}}"#, r#"{"name":"pid","arguments":null}"#]
        {
            assert_eq!(call(nothing)["result"].get("isError"), None, "{nothing}");
        }
        assert_eq!(call(r#"{"name":"nope"}"#)["error"]["code"], -32602);
        assert_eq!(call("[]")["error"]["code"], -32602);
    }

    #[test]
    fn there_is_a_prompt_and_a_resource_to_try() {
        let unknown = modern("resources/read", r#""uri":"demo://x","#);
        assert_eq!(ask(&mut DemoServer::new(DemoEra::Modern), &unknown)["error"]["code"], -32602);
        let mut server = initialized();
        let mut ask = |method: &str, params: &str| ask(&mut server, &legacy(method, params));
        let greeting = ask("prompts/get", r#"{"name":"greet","arguments":{"name":"Ada"}}"#);
        assert_eq!(greeting["result"]["messages"][0]["content"]["text"], "Greet Ada in one sentence.");
        assert_eq!(ask("prompts/get", r#"{"name":"greet"}"#)["error"]["code"], -32602);
        let about = ask("resources/list", "{}")["result"]["resources"][0]["uri"].clone();
        let read = ask("resources/read", &serde_json::json!({"uri": about}).to_string());
        assert_eq!(read["result"]["contents"][0]["uri"], about);
        let echo = ask("resources/read", r#"{"uri":"demo://echo/a b"}"#);
        assert_eq!(echo["result"]["contents"][0]["text"], "a b");
        assert_eq!(ask("resources/read", r#"{"uri":"demo://x"}"#)["error"]["code"], -32002);
    }

    #[test]
    fn a_crash_ends_the_process_with_the_code_that_was_asked_for() {
        let crash = |arguments: &str| {
            initialized()
                .line(legacy("tools/call", &format!(r#"{{"name":"crash","arguments":{arguments}}}"#)).as_bytes())
        };
        assert_eq!(crash("{}"), NextStep::Exit(1));
        assert_eq!(crash(r#"{"code":7}"#), NextStep::Exit(7));
    }

    #[test]
    fn garbage_and_strangers_are_passed_over() {
        let mut server = initialized();
        server.out.clear();
        for line in
            ["", "hello", "[]", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, r#"{"method":"notifications/other"}"#]
        {
            assert_eq!(server.line(line.as_bytes()), NextStep::Read);
        }
        assert!(server.out.is_empty());
    }
}
