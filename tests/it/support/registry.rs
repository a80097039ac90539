//! Registries of npm and PyPI on loopback, with packages that a test makes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use super::{
    real::{has_program, python_servers},
    upstream::{Then, Upstream},
    *,
};

pub const PACKAGE: &str = "witness-server";

/// A server whose tools differ with its major version, and that answers its version; the one of the version 3 ends at
/// once, that of 1.2.0 fails when it is called.
const PROGRAM_OF_IT: &str = r"#!/usr/bin/env node
const version = 'VERSION';
if (version === '3.0.0') { console.error('no such thing'); process.exit(3); }
const tool = (name, description) => ({name, description, inputSchema: {type: 'object'}});
const same = {...tool('same', 'x'), annotations: {readOnlyHint: true}};
const tools = [tool('say', 'of ' + version[0]), tool('only-in-' + version[0], 'x'), same];
require('readline').createInterface({input: process.stdin}).on('line', (line) => {
  const {id, method, params} = JSON.parse(line);
  const answer = (result) => console.log(JSON.stringify({jsonrpc: '2.0', id, result}));
  if (method === 'initialize') answer({protocolVersion: params.protocolVersion, capabilities: {tools: {}},
    serverInfo: {name: 'witness', version}});
  else if (method === 'tools/list') answer({tools});
  else if (method === 'tools/call')
    setTimeout(() => answer({content: [{type: 'text', text: version}], isError: version === '1.2.0'}),
      params.arguments.ms ?? 0);
  else if (method === 'ping') answer({});
  else if (id !== undefined) console.log(JSON.stringify({jsonrpc: '2.0', id, error: {code: -32601, message: 'none'}}));
});
";

/// Both registries; they are there for as long as this.
pub struct Registry {
    upstream: Upstream,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// When packages are published, as PyPI says it.
    time: Mutex<&'static str>,
    /// Where packages are packed.
    folder: PathBuf,
}

impl Registry {
    /// Registries without a package.
    pub fn start(setup: &Setup) -> Self {
        let files: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let served = Arc::clone(&files);
        let upstream = Upstream::start(move |seen, wire| {
            let path = seen.target.trim_end_matches('/').replace("%2f", "/");
            let (status, body) = match served.lock().unwrap().get(&path) {
                Some(body) => ("200 OK", body.clone()),
                None => ("404 Not Found", Vec::new()),
            };
            let is_page = path.starts_with("/simple/");
            let kind = if is_page { "application/vnd.pypi.simple.v1+json" } else { "application/octet-stream" };
            let length = body.len();
            wire.send(format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"));
            if !seen.raw.starts_with("HEAD ") {
                wire.send(body);
            }
            Then::Keep
        });
        let folder = setup.home.join("packed");
        fs::create_dir_all(&folder).unwrap();
        Self { upstream, files, time: Mutex::new("2026-01-01T00:00:00Z"), folder }
    }

    /// A set-up whose installers ask these registries.
    pub fn asked_by(&self, setup: Setup) -> Setup {
        setup
            .env("NPM_CONFIG_REGISTRY", &self.url("/"))
            .env("UV_DEFAULT_INDEX", &self.url("/simple"))
            .env("PIP_INDEX_URL", &self.url("/simple"))
    }

    /// The address of a path there.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.upstream.address)
    }

    fn put(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.files.lock().unwrap().insert(path.to_owned(), body.into());
    }

    /// Publishes a version of a package of npm with these files, as the newest; its `package.json` is `description`.
    pub fn publish_npm(&self, mut description: Value, files: &[(&str, &str)]) {
        let name = description["name"].as_str().unwrap().to_owned();
        let version = description["version"].as_str().unwrap().to_owned();
        let folder = self.folder.join("npm").join(&name).join(&version);
        let described = description.to_string();
        write(&folder, files.iter().copied().chain([("package.json", described.as_str())]));
        let packed = Command::new("npm").args(["pack", "--json"]).current_dir(&folder).output().unwrap();
        let packed: Value = serde_json::from_slice(&packed.stdout).unwrap();
        let file = packed[0]["filename"].as_str().unwrap();
        let path = format!("/{name}/-/{file}");
        self.put(&path, fs::read(folder.join(file)).unwrap());
        description["dist"] = json!({"tarball": self.url(&path), "integrity": packed[0]["integrity"]});
        let page = format!("/{name}");
        let mut versions = self.page(&page).map_or_else(|| json!({}), |page| page["versions"].clone());
        versions[&version] = description;
        let text = json!({"name": name, "dist-tags": {"latest": version}, "versions": versions}).to_string();
        self.put(&page, text);
    }

    fn page(&self, path: &str) -> Option<Value> {
        self.files.lock().unwrap().get(path).map(|page| serde_json::from_slice(page).unwrap())
    }

    /// Publishes a version of [`PACKAGE`], as the newest.
    pub fn publish_version(&self, version: &str) {
        let description = json!({"name": PACKAGE, "version": version, "bin": {PACKAGE: "index.js"}});
        self.publish_npm(description, &[("index.js", &PROGRAM_OF_IT.replace("VERSION", version))]);
    }

    /// Has no [`PACKAGE`] any more.
    pub fn withdraw(&self) {
        self.files.lock().unwrap().remove(&format!("/{PACKAGE}"));
    }

    /// Publishes from now on as if it were this time.
    pub fn set_time(&self, time: &'static str) {
        *self.time.lock().unwrap() = time;
    }

    /// Publishes a version of a package of PyPI with these files, the program `name = MODULE:FUNCTION` if it has one,
    /// or another (`PROGRAM = MODULE:FUNCTION`), and these requirements, of Python too.
    pub fn publish_pypi(
        &self,
        (name, version): (&str, &str),
        module: Option<&str>,
        needs: &[&str],
        files: &[(&str, &str)],
    ) {
        let folder = self.folder.join("pypi").join(version);
        write(&folder.join(name), files.iter().copied());
        let named = |module: &str| if module.contains('=') { module.into() } else { format!("{name} = {module}") };
        let program = module.map_or("-".into(), named);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/packages/wheel.py");
        let mut python = Command::new("python3");
        let packed = python.args([script, name, version, &program]).args(needs).current_dir(&folder).output().unwrap();
        let packed = String::from_utf8(packed.stdout).unwrap();
        let (wheel, hash) = packed.trim().split_once(' ').unwrap();
        self.put(&format!("/files/{wheel}"), fs::read(folder.join(wheel)).unwrap());
        let page = format!("/simple/{name}");
        let before = self.page(&page).unwrap_or_else(|| json!({"files": []}));
        let mut files = before["files"].as_array().unwrap().clone();
        files.push(json!({"filename": wheel, "url": self.url(&format!("/files/{wheel}")), "hashes": {"sha256": hash},
            "upload-time": *self.time.lock().unwrap()}));
        let text = json!({"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files}).to_string();
        self.put(&page, text);
    }

    /// Publishes the witness in both registries.
    pub fn publish_witness(&self) {
        let package = json!({"name": "witness", "version": "1.0.0", "bin": {"witness": "witness.js"}});
        self.publish_npm(package, &[("witness.js", include_str!("../packages/witness.js"))]);
        let files = [("witness.py", include_str!("../packages/witness.py"))];
        self.publish_pypi(("witness", "1.0.0"), Some("witness:main"), &[], &files);
    }
}

fn write<'a>(folder: &Path, files: impl Iterator<Item = (&'a str, &'a str)>) {
    for (name, text) in files {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

/// PATH with uv in front; `None` where it cannot be had, or there is no npm.
pub fn path_with_uv() -> Option<String> {
    has_program("npx")?;
    let folder = python_servers("uv")?;
    Some(format!("{}:{}", folder.display(), std::env::var("PATH").unwrap()))
}
