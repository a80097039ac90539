//! A service's instance as a process, to be stopped and killed: `upstream PORT FILE`.
//!
//! It prints the port it listens on, answers every request with its process id, and appends the method and target of
//! each to FILE before it answers. A target with `?wait=MS` is answered that much later. `/health` is not written down.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a fake says what it cannot do by ending")]

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().unwrap().parse().unwrap();
    let file = OpenOptions::new().create(true).append(true).open(arguments.next().unwrap()).unwrap();
    let (listener, file) = (TcpListener::bind(("127.0.0.1", port)).unwrap(), Arc::new(file));
    println!("{}", listener.local_addr().unwrap().port());
    for stream in listener.incoming().flatten() {
        let file = Arc::clone(&file);
        thread::spawn(move || serve(stream, &file));
    }
}

/// Answers request after request; `None` once the connection is over.
fn serve(stream: TcpStream, file: &File) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let request = line(&mut reader)?;
        let (mut length, mut close) = (0, false);
        loop {
            let field = line(&mut reader)?.to_ascii_lowercase();
            let Some((name, value)) = field.split_once(':') else { break };
            match (name, value.trim()) {
                ("content-length", value) => length = value.parse().ok()?,
                ("connection", "close") => close = true,
                _ => {}
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
        let target = request.split(' ').nth(1)?;
        if target != "/health" {
            let words: Vec<_> = request.split(' ').take(2).collect();
            // One write, so that lines of several threads and processes do not mix.
            (&*file).write_all(format!("{}\n", words.join(" ")).as_bytes()).ok()?;
        }
        if let Some((_, wait)) = target.split_once("?wait=") {
            thread::sleep(Duration::from_millis(wait.parse().ok()?));
        }
        let body = std::process::id().to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        reader.get_mut().write_all(answer.as_bytes()).ok()?;
        if close {
            return None;
        }
    }
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let count = reader.read_line(&mut line).ok()?;
    (count > 0).then(|| line.trim_end().to_owned())
}
