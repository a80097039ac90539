//! A registry of npm on this machine, for packages whose versions come while a test runs.

use std::{
    fs,
    process::Command,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::{
    Ostler, Setup,
    folder::Folder,
    upstream::{Then, Upstream, ok},
};

/// A registry of npm with one package, of which there are as many versions as were published.
pub struct Registry {
    upstream: Upstream,
    versions: Arc<Mutex<Vec<&'static str>>>,
    folder: Folder,
}

pub const PACKAGE: &str = "witness-server";

/// A server of which each version says its own in its tools; the one of the version 3 ends at once.
const PROGRAM_OF_IT: &str = r"#!/usr/bin/env node
const version = 'VERSION';
if (version === '3.0.0') { console.error('no such thing'); process.exit(3); }
const tool = (name, description) => ({name, description, inputSchema: {type: 'object'}});
const tools = [tool('say', 'of ' + version), tool('only-in-' + version[0], 'x'), tool('same', 'x')];
require('readline').createInterface({input: process.stdin}).on('line', (line) => {
  const {id, method, params} = JSON.parse(line);
  const answer = (result) => console.log(JSON.stringify({jsonrpc: '2.0', id, result}));
  if (method === 'initialize') answer({protocolVersion: params.protocolVersion, capabilities: {tools: {}},
    serverInfo: {name: 'witness', version}});
  else if (method === 'tools/list') answer({tools});
  else if (method === 'tools/call')
    setTimeout(() => answer({content: [{type: 'text', text: version}]}), params.arguments.ms ?? 0);
  else if (method === 'ping') answer({});
  else if (id !== undefined) console.log(JSON.stringify({jsonrpc: '2.0', id, error: {code: -32601, message: 'none'}}));
});
";

impl Registry {
    pub fn new() -> Self {
        let (versions, folder) = (Arc::new(Mutex::new(Vec::new())), Folder::new());
        let (published, tarballs) = (Arc::clone(&versions), folder.path().to_owned());
        let upstream = Upstream::start(move |seen, wire| {
            let host = seen.header("host").unwrap_or_default().to_owned();
            match seen.target.strip_prefix("/tarballs/") {
                Some(file) => {
                    let bytes = fs::read(tarballs.join(file)).unwrap();
                    wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len()));
                    wire.send(bytes);
                }
                None if seen.target == format!("/{PACKAGE}") && !published.lock().unwrap().is_empty() => {
                    wire.send(ok(&description(&host, &published.lock().unwrap()).to_string()))
                }
                None => wire.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            }
            Then::Keep
        });
        Self { upstream, versions, folder }
    }

    /// Publishes a version, as the newest.
    pub fn publish(&self, version: &'static str) {
        let package = self.folder.path().join(version).join("package");
        fs::create_dir_all(&package).unwrap();
        let bin = json!({"name": PACKAGE, "version": version, "bin": "index.js"});
        fs::write(package.join("package.json"), bin.to_string()).unwrap();
        fs::write(package.join("index.js"), PROGRAM_OF_IT.replace("VERSION", version)).unwrap();
        let mut tar = Command::new("tar");
        let tarball = self.folder.path().join(format!("{version}.tgz"));
        tar.arg("-czf").arg(tarball).arg("-C").arg(package.parent().unwrap()).arg("package");
        assert!(tar.status().unwrap().success());
        self.versions.lock().unwrap().push(version);
    }

    /// Has no package any more.
    pub fn withdraw(&self) {
        self.versions.lock().unwrap().clear();
    }

    /// An Ostler that installs from here.
    pub fn ostler(&self) -> Ostler {
        Setup::new().env("NPM_CONFIG_REGISTRY", &format!("http://{}/", self.upstream.address)).spawn()
    }
}

fn description(host: &str, versions: &[&str]) -> Value {
    let one = |version: &&str| {
        let dist = json!({"tarball": format!("http://{host}/tarballs/{version}.tgz")});
        let value = json!({"name": PACKAGE, "version": version, "bin": {PACKAGE: "index.js"}, "dist": dist});
        ((*version).to_owned(), value)
    };
    let all: serde_json::Map<_, _> = versions.iter().map(one).collect();
    json!({"name": PACKAGE, "dist-tags": {"latest": versions.last()}, "versions": all})
}
