//! Ostler as its users run it: the built binary, in a folder of its own, spoken to over HTTP.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    Outcome,
    load::{Connection, Request, TOKEN},
};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ostler");

const EMAIL: &str = "speed@localhost";
const PASSWORD: &str = "only for this measurement";

/// How long it gets to stop by itself.
const GRACE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };
/// How long servers get to become ready.
const PATIENCE: Duration = Duration::from_secs(120);

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A folder on the disk that holds the build, removed in the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Outcome<Self> {
        let name = format!("speed-{}-{}", std::process::id(), FOLDERS.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The address of a SQLite database in it.
    pub fn database(&self, name: &str) -> String {
        format!("sqlite://{}", self.0.join(name).display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whatever stays is in the build's own folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running Ostler, ended when this is dropped.
pub struct Ostler {
    process: Process,
    pub address: SocketAddr,
    /// Sent as bearer token.
    pub key: String,
}

impl Ostler {
    /// Starts one with a new API key.
    pub async fn start(folder: &Folder, database: &str, workers: usize) -> Outcome<Self> {
        let (process, address) = Process::start(folder, database, workers, &[])?;
        let mut ostler = Self { process, address, key: String::new() };
        let login = ostler.ask("POST", "/api/auth/login", &json!({"email": EMAIL, "password": PASSWORD})).await?;
        ostler.key = text(&login, "/token")?;
        ostler.key = text(&ostler.ask("POST", "/api/auth/keys", &json!({"name": "speed"})).await?, "/key")?;
        Ok(ostler)
    }

    /// Starts one again, where `key` is known from before.
    pub fn start_again(folder: &Folder, database: &str, workers: usize, key: String) -> Outcome<Self> {
        Self::start_with(folder, database, workers, key, &[])
    }

    /// The same with settings of its own.
    pub fn start_with(
        folder: &Folder,
        database: &str,
        workers: usize,
        key: String,
        settings: &[(&str, &str)],
    ) -> Outcome<Self> {
        let (process, address) = Process::start(folder, database, workers, settings)?;
        Ok(Self { process, address, key })
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Registers a demo server.
    pub async fn register(&self, name: &str, enabled: bool) -> Outcome<String> {
        self.register_program(name, PROGRAM, "demo-server", enabled).await
    }

    /// Registers a program with one argument.
    pub async fn register_program(&self, name: &str, program: &str, argument: &str, enabled: bool) -> Outcome<String> {
        let server = json!({"name": name, "command": program, "args": [argument], "enabled": enabled});
        text(&self.ask("POST", "/api/mcp", &server).await?, "/id")
    }

    /// Waits until a server takes calls.
    pub async fn ready(&self, server: &str) -> Outcome<()> {
        self.ask("POST", &format!("/api/mcp/{server}/start"), &Value::Null).await.map(drop)
    }

    /// Waits until so many servers are healthy.
    pub async fn all_ready(&self, servers: usize) -> Outcome<()> {
        let wanted = format!("ostler_servers{{status=\"HEALTHY\"}} {servers}\n");
        let request = self.request("GET", "/metrics", "");
        let (mut connection, since) = (Connection::open(self.address).await?, Instant::now());
        while since.elapsed() < PATIENCE {
            let figures = String::from_utf8(connection.ask(&request).await?.body.to_vec())?;
            if figures.contains(&wanted) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{servers} servers were not ready within {PATIENCE:?}").into())
    }

    /// A call of `echo`.
    pub fn call(&self, server: &str) -> Request {
        let body = format!(r#"{{"toolName":"echo","parameters":{{"text":"{TOKEN}"}}}}"#);
        self.request("POST", &format!("/api/mcp/{server}/execute"), &body)
    }

    pub fn request(&self, method: &str, path: &str, body: &str) -> Request {
        Request::new(method, path, &self.key, body)
    }

    /// One request on a connection of its own, which must succeed.
    pub async fn ask(&self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut connection = Connection::open(self.address).await?;
        let answer = connection.ask(&self.request(method, path, &body)).await?;
        match answer.status {
            200..300 => Ok(serde_json::from_slice(answer.body)?),
            status => Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(answer.body)).into()),
        }
    }
}

/// The text at this place.
pub fn text(value: &Value, pointer: &str) -> Outcome<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("no {pointer} in {value}").into())
}

/// A process; asked to stop when dropped, killed where it does not.
pub struct Process {
    child: Child,
}

impl Process {
    fn start(
        folder: &Folder,
        database: &str,
        workers: usize,
        settings: &[(&str, &str)],
    ) -> Outcome<(Self, SocketAddr)> {
        let mut command = Command::new(PROGRAM);
        command.arg("serve").current_dir(folder.path()).env_clear().env("PATH", std::env::var("PATH")?);
        command.envs([("OSTLER_PORT", "0"), ("OSTLER_DATA_DIR", "data"), ("RUST_LOG", "error")]);
        command.envs([("OSTLER_ADMIN_EMAIL", EMAIL), ("OSTLER_ADMIN_PASSWORD", PASSWORD), ("DATABASE_URL", database)]);
        let limits = ["RATE_LIMIT_SERVER_CREATE", "RATE_LIMIT_TOOL_EXECUTE", "RATE_LIMIT_API", "RATE_LIMIT_CHANGE"];
        command.envs(limits.map(|limit| (limit, "off"))).env("OSTLER_WORKERS", workers.to_string());
        command.envs(settings.iter().copied());
        Self::run(command)
    }

    /// Runs a program that says where it listens.
    pub fn run(mut command: Command) -> Outcome<(Self, SocketAddr)> {
        let mut process = Self { child: command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()? };
        let mut line = String::new();
        BufReader::new(process.child.stdout.take().ok_or("no standard output")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://").ok_or("it did not start")?;
        Ok((process, address.parse()?))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, and waits.
    fn end(&self) -> Outcome<()> {
        let pid = Pid::from_child(&self.child);
        let gone = pidfd_open(pid, PidfdFlags::empty())?;
        kill_process(pid, Signal::TERM)?;
        poll(&mut [PollFd::new(&gone, PollFlags::IN)], Some(&GRACE))?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.end();
        // No more than a word to the dead where that has worked.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
