//! A program that embeds a runtime ends, with a call under way and a stream open: the call is recorded, no process is
//! left, and nothing turns in circles.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
};

use rustix::process::Signal;

use super::*;
use crate::support::{eventually, processes, server::built_example, wire::Wire};

/// The program, its address, and what else it says.
struct Host {
    folder: Folder,
    process: Child,
    address: SocketAddr,
    stdout: BufReader<ChildStdout>,
    complaints: thread::JoinHandle<String>,
}

impl Host {
    fn start(way: &str) -> Self {
        let folder = Folder::new();
        let mut command = Command::new(built_example("embedder"));
        command.arg(folder.path()).arg(way);
        Self::run(command, folder)
    }

    /// Starts it in the foreground of a terminal, at which standard input types.
    fn start_in_terminal(way: &str) -> Self {
        let folder = Folder::new();
        let line = format!("exec {} {} {way}", built_example("embedder").display(), folder.path().display());
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]).env("SHELL", "/bin/sh");
        Self::run(command, folder)
    }

    fn run(mut command: Command, folder: Folder) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut stderr = process.stderr.take().unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let complaints = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let address = line.trim().parse().unwrap_or_else(|_| panic!("it printed {line:?}"));
        Self { folder, process, address, stdout, complaints }
    }

    /// Types Ctrl-C: the kernel interrupts every process in the foreground.
    fn type_interrupt(&self) {
        self.process.stdin.as_ref().unwrap().write_all(b"\x03").unwrap();
    }

    /// A connection with a call under way, which the server has.
    fn calling(&mut self) -> Wire {
        let mut wire = Wire::to(self.address);
        wire.send("POST /call HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "called");
        wire
    }

    fn ada(&self) -> Caller {
        Caller::anonymous(self.address, "").log_in("ada@example.com", "correct horse battery staple")
    }

    /// A connection with an open event stream.
    fn watching(&self) -> Wire {
        let (mut wire, token) = (Wire::to(self.address), self.ada().token.unwrap());
        wire.send(format!("GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"));
        assert!(wire.head().unwrap().starts_with("HTTP/1.1 200"));
        wire
    }

    fn signal(&self, signal: Signal) {
        processes::signal(self.process.id(), signal);
    }

    /// Waits for its end; claims that no process is left. Returns what else it said, and the number of recorded calls.
    fn ended(mut self) -> (ExitStatus, String, i64) {
        let status = eventually("the program ends", || self.process.try_wait().unwrap());
        let tag = self.folder.path().display().to_string();
        eventually("its servers end", || processes::tagged(&tag).is_empty().then_some(()));
        let calls = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let runtime = start(&self.folder).await;
            let servers = runtime.servers().list(runtime.embedder(), &Default::default()).unwrap();
            let calls = servers.items[0].server.total_calls;
            runtime.stop().await;
            calls
        });
        let mut complaints = self.complaints.join().unwrap();
        // At a terminal both are one.
        self.stdout.read_to_string(&mut complaints).unwrap();
        (status, complaints, calls)
    }
}

/// A signal comes while a call is under way and a stream open.
fn signalled(way: &str, signal: Signal) -> (u16, ExitStatus, String, i64) {
    let mut host = Host::start(way);
    let _watching = (way == "ordered").then(|| host.watching());
    let mut calling = host.calling();
    host.signal(signal);
    let answer = calling.reply().status;
    let (status, complaints, calls) = host.ended();
    (answer, status, complaints, calls)
}

#[test]
fn a_program_that_stops_in_order_answers_and_records_the_call_under_way() {
    let (answer, status, complaints, calls) = signalled("ordered", Signal::INT);
    assert_eq!((answer, status.code(), calls), (200, Some(0), 1), "{complaints}");
    assert_eq!(complaints, "");
}

#[test]
fn the_ordinary_way_to_stop_a_program_of_actix_loses_nothing() {
    let (answer, status, complaints, calls) = signalled("ordinary", Signal::TERM);
    assert_eq!((answer, status.code(), calls), (200, Some(0), 1), "{complaints}");
    assert_eq!(complaints, "");
}

#[test]
fn a_runtime_goes_on_while_its_program_does_something_else_after_the_server() {
    let (answer, status, complaints, calls) = signalled("slow", Signal::TERM);
    assert_eq!((answer, status.code(), calls), (200, Some(0), 1), "{complaints}");
    assert_eq!(complaints, "");
}

#[test]
fn a_call_that_an_interrupt_cuts_short_is_on_record() {
    let mut host = Host::start("ordinary");
    let mut calling = host.calling();
    // actix-web's own: connections are closed at once.
    host.signal(Signal::INT);
    assert_eq!(calling.head(), None);
    let (status, complaints, calls) = host.ended();
    assert_eq!((status.code(), calls), (Some(0), 1), "{complaints}");
    assert_eq!(complaints, "");
}

#[test]
fn an_interrupt_typed_at_its_terminal_loses_nothing_of_a_program_that_stops_in_order() {
    let mut host = Host::start_in_terminal("ordered");
    let (_watching, mut calling) = (host.watching(), host.calling());
    host.type_interrupt();
    // Where the server or its guard got the signal, too, there would be no answer.
    assert_eq!(calling.reply().status, 200);
    let (status, said, calls) = host.ended();
    assert_eq!((status.code(), said.trim(), calls), (Some(0), "^C", 1));
}

#[test]
fn a_call_that_an_interrupt_typed_at_a_terminal_cuts_short_is_on_record() {
    let mut host = Host::start_in_terminal("ordinary");
    let (_watching, mut calling) = (host.watching(), host.calling());
    host.type_interrupt();
    assert_eq!(calling.head(), None);
    let (status, said, calls) = host.ended();
    assert_eq!((status.code(), said.trim(), calls), (Some(0), "^C", 1));
}

#[test]
fn a_program_that_forgets_to_stop_leaves_no_process() {
    let (answer, status, _, _) = signalled("dropped", Signal::TERM);
    assert_eq!((answer, status.code()), (200, Some(0)));
}

#[test]
fn a_panic_in_a_handler_of_the_program_is_its_own() {
    let mut host = Host::start("ordered");
    let mut calling = host.calling();
    let mut panicking = Wire::to(host.address);
    panicking.send("POST /panic HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(panicking.head(), None);
    assert_eq!(calling.reply().status, 200);
    host.signal(Signal::INT);
    let (status, complaints, calls) = host.ended();
    assert_eq!((status.code(), calls), (Some(0), 1), "{complaints}");
}

#[test]
fn a_process_that_exits_leaves_no_process() {
    let mut host = Host::start("ordered");
    let mut calling = host.calling();
    Wire::to(host.address).send("POST /exit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(calling.head(), None);
    assert_eq!(host.ended().0.code(), Some(3));
}
