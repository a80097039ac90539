//! [`Containers`]: from a server's sandbox to the containment of its processes on this machine.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    model::{EffectiveSandbox, SandboxLevel, SandboxPaths, ServerConfig},
    placement::program,
    policy::{
        copied_settings,
        grants::{self, Bounds},
    },
    supervisor::{self, Containment, temporary},
};

/// Inherited variables that lead to files outside a server's home, which it is to read.
const LEADING_OUTSIDE: [&str; 6] =
    ["CURL_CA_BUNDLE", "JAVA_HOME", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE"];

/// Inherited variables that lead into the user's home; without them, programs keep to that of the server.
const LEADING_HOME: [&str; 3] = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];

/// Files that the folder of a project has.
const PROJECT_FILES: [&str; 2] = ["package.json", "pyproject.toml"];

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

    /// The sandbox that a server has in effect where it gets `inherited`; `None` for one at a URL. Blocks.
    pub(super) fn sandbox(
        &self,
        config: &ServerConfig,
        inherited: &BTreeMap<String, String>,
    ) -> Option<EffectiveSandbox> {
        let level = self.level(config);
        let granted = || self.granted(config, inherited);
        let paths = if level == SandboxLevel::None { SandboxPaths::default() } else { granted() };
        config.remote.is_none().then(|| EffectiveSandbox::new(level, paths))
    }

    /// The containment of a server in its sandbox, and in the folder `own`, a path without links; `None` where it is not
    /// contained. Blocks.
    pub(super) fn contain(
        &self,
        config: &ServerConfig,
        sandbox: &EffectiveSandbox,
        own: &Path,
        inherited: &BTreeMap<String, String>,
    ) -> Option<Containment> {
        let paths = |paths: &[String]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let installations = || self.installations(config, own, inherited);
        (sandbox.level != SandboxLevel::None).then(|| Containment {
            level: sandbox.level,
            home: own.to_owned(),
            read: grants::outermost(paths(&sandbox.paths.read).into_iter().chain(installations()).collect()),
            write: paths(&sandbox.paths.write),
            hidden: self.bounds.hidden.iter().chain([&self.bounds.servers]).cloned().collect(),
            settings: self.settings(),
            unix_sockets: config.sandbox.unix_sockets,
            network: config.sandbox.network.clone(),
            canary: self.canary.clone(),
        })
    }

    /// Files and folders that are granted to a server besides its own and its program's, without links.
    fn granted(&self, config: &ServerConfig, env: &BTreeMap<String, String>) -> SandboxPaths {
        let (mut read, mut write) = (Vec::new(), Vec::new());
        let texts = config.args.iter().chain(config.env.values()).filter(|_| config.grants_paths);
        for place in texts.flat_map(|text| grants::named(text)).filter_map(real) {
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
    fn installations(&self, config: &ServerConfig, dir: &Path, env: &BTreeMap<String, String>) -> Vec<PathBuf> {
        let path = env.get("PATH").map_or("", String::as_str);
        let on_path: Vec<_> = path.split(':').filter(|entry| entry.starts_with('/')).map(PathBuf::from).collect();
        let program = program::found(&config.command, path, dir);
        let interpreter = program.as_deref().and_then(program::interpreter);
        let programs: Vec<_> = program.into_iter().chain(interpreter).collect();
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

/// Changes the inherited variables of a server to those of a contained one whose folder is `own`.
pub(super) fn settle(inherited: &mut BTreeMap<String, String>, own: &Path) {
    for name in LEADING_HOME {
        inherited.remove(name);
    }
    inherited.insert("HOME".into(), own.display().to_string());
    // Each process has one of its own there.
    inherited.insert(temporary::VARIABLE.into(), temporary::LINKS.into());
}
