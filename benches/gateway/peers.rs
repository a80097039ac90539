//! The proxies, each with its configuration and in front of the same upstream.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

use crate::{
    Outcome, pinned,
    process::{Folder, Process},
};

const EMAIL: &str = "gateway@localhost";
const PASSWORD: &str = "only for this measurement";
/// Where pingora's program is built.
const PINGORA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/gateway/pingora");

/// A proxy that runs, or the upstream without one.
pub struct Peer {
    pub name: String,
    pub address: String,
    process: Option<Process>,
}

impl Peer {
    /// No proxy at all.
    pub fn direct(upstream: &str) -> Self {
        Self { name: "no proxy".into(), address: upstream.into(), process: None }
    }

    pub fn cpu(&self) -> Duration {
        self.process.as_ref().map(Process::cpu).unwrap_or_default()
    }

    pub fn resident(&self) -> u64 {
        self.process.as_ref().map(Process::resident).unwrap_or_default()
    }

    fn start(name: &str, address: &str, command: &mut Command) -> Outcome<Self> {
        let process = Process::start(command, address)?;
        Ok(Self { name: name.into(), address: address.into(), process: Some(process) })
    }
}

/// So many addresses that are free now.
pub fn free_addresses(count: usize) -> Outcome<Vec<String>> {
    let listeners = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    Ok(listeners
        .iter()
        .map(|listener| listener.local_addr().map(|address| address.to_string()))
        .collect::<Result<_, _>>()?)
}

/// Every proxy of `only`, or every one there is.
pub fn start(only: &[String], folder: &Folder, upstreams: &[String]) -> Outcome<Vec<Peer>> {
    let mut peers = Vec::new();
    for (name, start) in [("ostler", ostler as Start), ("nginx", nginx), ("haproxy", haproxy), ("pingora", pingora)] {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        let address = free_addresses(1)?.remove(0);
        match start(folder, &address, upstreams) {
            Ok(peer) => peers.push(peer),
            Err(reason) if name == "ostler" => return Err(reason),
            Err(reason) => eprintln!("left out: {name}: {reason}"),
        }
    }
    Ok(peers)
}

type Start = fn(&Folder, &str, &[String]) -> Outcome<Peer>;

fn ostler(folder: &Folder, address: &str, upstreams: &[String]) -> Outcome<Peer> {
    let port = address.rsplit(':').next().unwrap_or_default();
    let mut command = pinned(0, env!("CARGO_BIN_EXE_ostler"));
    command.arg("serve").current_dir(folder.path()).env_clear().env("PATH", std::env::var("PATH")?);
    command.envs([("OSTLER_PORT", port), ("OSTLER_DATA_DIR", "data"), ("RUST_LOG", "error"), ("OSTLER_WORKERS", "1")]);
    command.envs([("OSTLER_ADMIN_EMAIL", EMAIL), ("OSTLER_ADMIN_PASSWORD", PASSWORD)]);
    let peer = Peer::start("ostler", address, &mut command)?;
    while ask(address, "GET", "/readyz", "", "").is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let login =
        ask(address, "POST", "/api/auth/login", "", &format!(r#"{{"email":"{EMAIL}","password":"{PASSWORD}"}}"#))?;
    let login: serde_json::Value = serde_json::from_str(&login)?;
    let token = login["token"].as_str().ok_or("no token")?;
    let place = |upstream: &String| {
        let (host, port) = upstream.rsplit_once(':').unwrap_or_default();
        format!(r#"{{"host":"{host}","port":{port}}}"#)
    };
    let instances = upstreams.iter().map(place).collect::<Vec<_>>().join(",");
    let service = format!(r#"{{"name":"bench","basePath":"/bench","authentication":false,"instances":[{instances}]}}"#);
    ask(address, "POST", "/api/gateway/services", token, &service)?;
    // As a prefix of the path: wrk appends the rest.
    Ok(Peer { address: format!("{address}/bench"), ..peer })
}

/// One request, which must succeed; the body of its answer.
fn ask(address: &str, method: &str, path: &str, token: &str, body: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    if !head.starts_with("HTTP/1.1 2") {
        return Err(format!("{method} {path}: {answer}").into());
    }
    Ok(body.to_owned())
}

fn nginx(folder: &Folder, address: &str, upstreams: &[String]) -> Outcome<Peer> {
    let servers: String = upstreams.iter().map(|upstream| format!("server {upstream} max_fails=0; ")).collect();
    let place = folder.path().display();
    let text = format!(
        "worker_processes 1; daemon off; pid {place}/nginx.pid; error_log {place}/nginx.log error;
events {{ worker_connections 8192; multi_accept on; }}
http {{
  access_log off; server_tokens off; keepalive_requests 100000000; keepalive_timeout 75s; tcp_nodelay on;
  client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi; client_body_buffer_size 64k; client_max_body_size 1g;
  upstream up {{ {servers} keepalive 1024; keepalive_requests 100000000; }}
  server {{
    listen {address} backlog=4096;
    location / {{
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header Connection \"\";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_buffer_size 16k; proxy_buffers 16 16k; proxy_busy_buffers_size 64k; proxy_max_temp_file_size 0;
    }}
  }}
}}
"
    );
    let file = folder.write("nginx.conf", &text)?;
    let mut command = pinned(0, installed("nginx", "nginx-light")?);
    command.args(["-p", &place.to_string(), "-c", &file, "-e", &format!("{place}/nginx.log")]);
    Peer::start("nginx", address, &mut command)
}

fn haproxy(folder: &Folder, address: &str, upstreams: &[String]) -> Outcome<Peer> {
    let servers: String = upstreams
        .iter()
        .enumerate()
        .map(|(index, upstream)| format!("  server s{index} {upstream} pool-max-conn 1024\n"))
        .collect();
    let text = format!(
        "global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 30s
  timeout http-keep-alive 75s
  http-reuse always
  option forwardfor
  option http-no-delay
frontend f
  bind {address}
  default_backend b
backend b
  balance roundrobin
{servers}"
    );
    let file = folder.write("haproxy.cfg", &text)?;
    let mut command = pinned(0, installed("haproxy", "haproxy")?);
    Peer::start("haproxy", address, command.args(["-db", "-f", &file]))
}

fn pingora(_: &Folder, address: &str, upstreams: &[String]) -> Outcome<Peer> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pingora");
    eprintln!("building: pingora (the first time takes minutes)");
    let mut build = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    build.args(["build", "--release", "--quiet", "--target-dir"]).arg(&target).current_dir(PINGORA);
    if !build.status()?.success() {
        return Err("it does not build: it needs cmake".into());
    }
    let mut command = pinned(0, target.join("release/pingora-peer"));
    Peer::start("pingora", address, command.args([address, &upstreams.join(","), "1"]))
}

/// The program, where it is installed.
fn installed(program: &str, package: &str) -> Outcome<String> {
    let places =
        ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"].map(|place| format!("{place}/{program}"));
    let found = places.into_iter().find(|path| Path::new(path).exists());
    found.ok_or_else(|| format!("not installed: apt-get install {package}").into())
}
