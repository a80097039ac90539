//! Instances of a service as processes, and the service they make up.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Answer, Caller, eventually, folder::Folder, processes, server::built_example};

/// A process that answers on a port of its own; it ends when the test lets go of it.
pub struct Instance {
    pub port: u16,
    child: Child,
    file: PathBuf,
}

impl Instance {
    /// One on a free port, which writes what it is asked into `file`.
    #[track_caller]
    pub fn start(file: &Path) -> Self {
        Self::start_at(0, file)
    }

    /// One at a given port.
    #[track_caller]
    pub fn start_at(port: u16, file: &Path) -> Self {
        let mut command = Command::new(built_example("upstream"));
        let mut child = command.arg(port.to_string()).arg(file).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { port: line.trim().parse().expect("it did not start"), child, file: file.to_owned() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        processes::signal(self.pid(), signal);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again where it was, after it was killed.
    pub fn start_again(&mut self) {
        let (port, file) = (self.port, self.file.clone());
        eventually("its port is free again", || std::net::TcpListener::bind(("127.0.0.1", port)).ok().map(drop));
        *self = Self::start_at(port, &file);
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Some instances that write into one file.
pub struct Instances {
    pub each: Vec<Instance>,
    folder: Folder,
}

impl Instances {
    #[track_caller]
    pub fn start(count: usize) -> Self {
        let folder = Folder::new();
        let file = folder.path().join("requests");
        Self { each: (0..count).map(|_| Instance::start(&file)).collect(), folder }
    }

    /// The body that registers them, checked four times a second.
    pub fn service(&self, name: &str, more: Value) -> Value {
        let places: Vec<_> = self.each.iter().map(|one| json!({"host": "127.0.0.1", "port": one.port})).collect();
        let mut body = json!({
            "name": name, "instances": places, "basePath": format!("/{name}"), "healthEndpoint": "/health",
            "authentication": false, "healthCheck": {"interval": 250, "timeout": 500},
        });
        let more = more.as_object().cloned().unwrap_or_default();
        body.as_object_mut().unwrap().extend(more);
        body
    }

    /// Methods and targets of every request any of them got, without health checks.
    pub fn requests(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("requests")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Waits until the health of a service is as wanted.
#[track_caller]
pub fn health_until(caller: &Caller, name: &str, what: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    eventually(what, || Some(caller.get(&format!("/api/gateway/health/{name}"))).filter(&wanted))
}
