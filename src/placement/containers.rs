//! [`Containers`]: from a server's sandbox to the containment of its processes on this machine.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use crate::{
    model::{SandboxLevel, SandboxPaths, ServerConfig},
    policy::{
        copied_settings,
        grants::{self, Bounds},
        reference,
    },
    supervisor::{self, Containment},
};

/// Inherited variables that lead to files outside a server's home, which it is to read.
const LEADING_OUTSIDE: [&str; 6] =
    ["CURL_CA_BUNDLE", "JAVA_HOME", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE"];

/// Inherited variables that lead into the user's home; without them, programs keep to that of the server.
const LEADING_HOME: [&str; 3] = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];

/// Files that the folder of a project has.
const PROJECT_FILES: [&str; 2] = ["package.json", "pyproject.toml"];

/// Bytes of a program in which its interpreter is named (`BINPRM_BUF_SIZE`).
const FIRST_LINE_BYTES: u64 = 256;

/// Contains servers in folders of their own, away from Ostler's data.
pub(crate) struct Containers {
    /// The level of servers that name none.
    pub level: SandboxLevel,
    /// The home of Ostler's user.
    pub home: Option<PathBuf>,
    /// Places that no grant may cover.
    pub bounds: Bounds,
    /// A file that Ostler can read and servers must not.
    pub canary: PathBuf,
}

impl Containers {
    /// The level of a server.
    pub(crate) fn level(&self, config: &ServerConfig) -> SandboxLevel {
        config.sandbox.level.unwrap_or(self.level)
    }

    /// The containment of a server in the folder `own`, a path without links, and `env` changed to fit; `None` where it
    /// is not contained, or no program. Blocks.
    pub(super) fn contain(
        &self,
        config: &ServerConfig,
        own: &Path,
        env: &mut BTreeMap<String, String>,
    ) -> Option<Containment> {
        let level = self.level(config);
        if level == SandboxLevel::None || config.remote.is_some() {
            return None;
        }
        let SandboxPaths { read, write } = self.granted(config, env);
        let paths = |paths: Vec<String>| paths.into_iter().map(PathBuf::from).collect::<Vec<_>>();
        for name in LEADING_HOME {
            env.remove(name);
        }
        env.insert("HOME".into(), own.display().to_string());
        env.insert("TMPDIR".into(), own.join("tmp").display().to_string());
        let read: Vec<_> = paths(read).into_iter().chain(self.installations(config, env)).collect();
        Some(Containment {
            level,
            home: own.to_owned(),
            read: grants::outermost(read),
            write: paths(write),
            hidden: self.bounds.hidden.iter().chain([&self.bounds.servers]).cloned().collect(),
            settings: self.settings(),
            unix_sockets: config.sandbox.unix_sockets,
            network: config.sandbox.network.clone(),
            canary: self.canary.clone(),
        })
    }

    /// Files and folders that are granted to a server besides its own and its program's, without links. Blocks.
    pub(crate) fn granted(&self, config: &ServerConfig, env: &BTreeMap<String, String>) -> SandboxPaths {
        let (mut read, mut write) = (Vec::new(), Vec::new());
        // A file that Ostler reads for a server is not the server's to read.
        let values = config.env.values().flat_map(|value| reference::texts(value));
        let texts = config.args.iter().map(String::as_str).chain(values).filter(|_| config.grants_paths);
        for place in texts.flat_map(grants::named).filter_map(real) {
            match place.is_dir() {
                true if self.bounds.allows_writing(&place) => write.push(place),
                true => read.extend(Some(place).filter(|place| self.bounds.allows_reading(place))),
                false => read.extend(self.bounds.around(&place, is_project)),
            }
        }
        let paths = &config.sandbox.paths;
        read.extend(real_all(&paths.read).filter(|place| self.bounds.may_be_read(place)));
        write.extend(real_all(&paths.write).filter(|place| self.bounds.may_be_written(place)));
        let outside = LEADING_OUTSIDE.iter().filter_map(|name| env.get(*name)).filter_map(|path| real(Path::new(path)));
        read.extend(outside.filter(|place| self.bounds.allows_reading(place)));
        let texts = |places: Vec<PathBuf>| {
            grants::outermost(places)
                .into_iter()
                .filter_map(|place| place.into_os_string().into_string().ok())
                .collect()
        };
        SandboxPaths { read: texts(read), write: texts(write) }
    }

    /// Folders of the program, its interpreter, and all on the search path.
    fn installations(&self, config: &ServerConfig, env: &BTreeMap<String, String>) -> Vec<PathBuf> {
        let path = env.get("PATH").map_or("", String::as_str);
        let on_path: Vec<_> = path.split(':').filter(|entry| entry.starts_with('/')).map(PathBuf::from).collect();
        let program = if config.command.contains('/') {
            Some(PathBuf::from(&config.command))
        } else {
            on_path.iter().map(|folder| folder.join(&config.command)).find(|program| program.is_file())
        };
        let programs: Vec<_> = program.iter().cloned().chain(program.as_deref().and_then(interpreter)).collect();
        // A virtual environment has links to an interpreter elsewhere, and needs both.
        let folders = programs.iter().filter_map(|program| program.parent().and_then(real));
        // Also of one that is not there yet, or for a moment.
        let real_programs = programs.iter().filter_map(|program| supervisor::without_links(program));
        let real_folders = real_programs.clone().filter_map(|program| program.parent().map(Path::to_owned));
        let all = folders.chain(real_folders).chain(on_path.iter().filter_map(|folder| real(folder)));
        let granted = all.map(|folder| self.bounds.installation(&folder));
        granted.chain(real_programs).filter(|place| self.bounds.allows_reading(place)).collect()
    }

    /// Settings of the user's that the server's home gets copies of, by file.
    fn settings(&self) -> BTreeMap<String, String> {
        let text = |file: &str| self.home.as_ref().and_then(|home| fs::read_to_string(home.join(file)).ok());
        let git = text(".gitconfig").and_then(|text| copied_settings::git_identity(&text));
        let git = git.or_else(|| copied_settings::git_identity(&text(".config/git/config")?));
        let npm = text(".npmrc").and_then(|text| copied_settings::npm_registries(&text));
        let named = |name: &str, text: Option<String>| text.map(|text| (name.to_owned(), text));
        named(".gitconfig", git).into_iter().chain(named(".npmrc", npm)).collect()
    }
}

/// True for the folder of a project: what it needs may lie anywhere in it.
fn is_project(folder: &Path) -> bool {
    PROJECT_FILES.iter().any(|file| folder.join(file).is_file())
}

/// The path without links of what is there.
fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

fn real_all(paths: &[String]) -> impl Iterator<Item = PathBuf> {
    paths.iter().filter_map(|path| real(Path::new(path)))
}

/// The interpreter that the first line of a script names.
fn interpreter(program: &Path) -> Option<PathBuf> {
    let mut first = Vec::new();
    File::open(program).ok()?.take(FIRST_LINE_BYTES).read_to_end(&mut first).ok()?;
    let line = first.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.split_whitespace().next().filter(|path| path.starts_with('/')).map(PathBuf::from)
}
