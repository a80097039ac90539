//! [`Containers`]: from a server's sandbox to the containment of its processes on this machine.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    error::Faults,
    model::{EffectiveSandbox, SandboxLevel, SandboxPaths, ServerConfig},
    placement::program,
    policy::{
        copied_settings,
        environment::UV_PYTHONS,
        grants::{self, Bounds},
        reference,
    },
    supervisor::{self, Containment, ServersUser, temporary},
};

/// Inherited variables that lead to files outside a server's home, which it is to read.
const LEADING_OUTSIDE: [&str; 7] = [
    "CURL_CA_BUNDLE",
    "JAVA_HOME",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    UV_PYTHONS,
];

/// Inherited variables that lead into the user's home; without them, programs keep to that of the server.
const LEADING_HOME: [&str; 3] = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];

/// Files that the folder of a project has.
const PROJECT_FILES: [&str; 2] = ["package.json", "pyproject.toml"];

/// Contains servers in folders of their own, away from Ostler's data.
pub(crate) struct Containers {
    /// The level of servers that name none.
    pub level: SandboxLevel,
    /// The account that they run as; `None` is Ostler's own.
    pub user: Option<ServersUser>,
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
        if config.remote.is_some() {
            return None;
        }
        if level == SandboxLevel::None {
            return Some(EffectiveSandbox { level, paths: SandboxPaths::default(), not_in_force: Vec::new() });
        }
        let (asked, paths) = (&config.sandbox.paths, self.granted(config, inherited));
        let is_in = |path: &String, lists: &[&Vec<String>]| {
            real(path).is_some_and(|place| lists.iter().copied().flatten().any(|grant| place.starts_with(grant)))
        };
        let unread = asked.read.iter().filter(|path| !is_in(path, &[&paths.read, &paths.write]));
        let unwritten = asked.write.iter().filter(|path| !is_in(path, &[&paths.write]));
        let not_in_force = unread.chain(unwritten).cloned().collect();
        Some(EffectiveSandbox { level, paths, not_in_force })
    }

    /// The containment of a server in its sandbox, and in the folder `own`, a path without links; `None` where it is
    /// not contained. Blocks.
    pub(super) fn contain(
        &self,
        config: &ServerConfig,
        sandbox: &EffectiveSandbox,
        own: &Path,
        inherited: &BTreeMap<String, String>,
    ) -> Option<Containment> {
        let paths = |paths: &[String]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let dir = config.cwd.as_ref().map_or(own, Path::new);
        let installations = || self.installations(config, dir, inherited);
        (sandbox.level != SandboxLevel::None).then(|| Containment {
            level: sandbox.level,
            user: self.user.clone(),
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
        // Paths, and what is granted for each.
        let (mut read, mut write) = (Vec::new(), Vec::new());
        // A file that Ostler reads for a server is not the server's to read.
        let values = config.env.values().flat_map(|value| reference::texts(value));
        let texts = config.args.iter().map(String::as_str).chain(values);
        let named = texts.flat_map(grants::named).chain(config.cwd.iter().map(Path::new));
        for (path, place) in named.filter(|_| config.grants_paths).filter_map(with_place) {
            match place.is_dir() {
                true if self.bounds.grants_writing(&place) => write.push((path, place)),
                true => read.extend(Some((path, place)).filter(|(_, place)| self.bounds.grants_reading(place))),
                false => read.extend(self.bounds.around(&place, is_project).map(|grant| (path, grant))),
            }
        }
        let asked = &config.sandbox.paths;
        let to_read = asked.read.iter().map(Path::new).filter_map(with_place);
        read.extend(to_read.filter(|(_, place)| self.bounds.reason_against_reading(place).is_none()));
        let to_write = asked.write.iter().map(Path::new).filter_map(with_place);
        write.extend(to_write.filter(|(_, place)| self.bounds.reason_against_writing(place).is_none()));
        let outside = LEADING_OUTSIDE.iter().filter_map(|name| env.get(*name)).map(Path::new).filter_map(with_place);
        read.extend(outside.filter(|(_, place)| self.bounds.allows_reading(place)));
        let changed: Vec<_> = write.iter().map(|(_, place)| place.clone()).collect();
        let texts = |grants: Vec<(&Path, PathBuf)>| {
            let grants = grants.into_iter().filter(|(path, place)| !self.is_steered(path, place, &changed));
            let places = grants::outermost(grants.map(|(_, place)| place).collect());
            places.into_iter().filter_map(|place| place.into_os_string().into_string().ok()).collect()
        };
        SandboxPaths { read: texts(read), write: texts(write) }
    }

    /// True for a path through a folder that the server may change: by a link there, it could have any place granted to
    /// its next process. What lies in such a folder needs no grant.
    fn is_steered(&self, path: &Path, place: &Path, changed: &[PathBuf]) -> bool {
        let is_the_servers = |above: &Path| {
            let mut others = changed.iter().filter(|folder| *folder != place);
            self.bounds.is_of_one_server(above) || others.any(|folder| above.starts_with(folder))
        };
        path.ancestors().skip(1).filter_map(real).any(|above| is_the_servers(&above))
    }

    /// Paths of `after` that can never be granted, but for those that stood there `before`. Blocks.
    pub(super) fn check(&self, before: &ServerConfig, after: &ServerConfig) -> Faults {
        let mut faults = Faults::default();
        let cwd = after.cwd.as_ref().filter(|_| before.cwd != after.cwd);
        if let Some((cwd, why)) = cwd.and_then(|cwd| Some((cwd, self.bounds.reason_against_reading(&so_far(cwd))?))) {
            faults.check(false, "/cwd", format!("`{cwd}` {why}"));
        }
        let (before, after) = (&before.sandbox.paths, &after.sandbox.paths);
        let mut check =
            |field: &str, paths: &[String], known: &[String], why: &dyn Fn(&Path) -> Option<&'static str>| {
                for (index, path) in paths.iter().enumerate().filter(|(_, path)| !known.contains(path)) {
                    if let Some(why) = why(&so_far(path)) {
                        faults.check(false, format!("/sandbox/paths/{field}/{index}"), format!("`{path}` {why}"));
                    }
                }
            };
        check("read", &after.read, &before.read, &|place| self.bounds.reason_against_reading(place));
        check("write", &after.write, &before.write, &|place| self.bounds.reason_against_writing(place));
        faults
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
        let all = folders.chain(real_folders).chain(on_path.iter().filter_map(real));
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
fn real(path: impl AsRef<Path>) -> Option<PathBuf> {
    path.as_ref().canonicalize().ok()
}

/// The path, and where it leads.
fn with_place(path: &Path) -> Option<(&Path, PathBuf)> {
    Some((path, real(path)?))
}

/// The path without links as far as it is there.
pub(super) fn so_far(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    let mut above = path.ancestors().filter_map(|above| Some((real(above)?, path.strip_prefix(above).ok()?)));
    // Through its parts, or nothing joined would end it with a slash.
    above.next().map_or_else(|| path.to_owned(), |(real, rest)| real.iter().chain(rest).collect())
}

/// Changes the inherited variables of a server to those of a contained one whose folder is `own`, and that runs as
/// `user` where there is one.
pub(super) fn settle(inherited: &mut BTreeMap<String, String>, own: &Path, user: Option<&ServersUser>) {
    for name in LEADING_HOME {
        inherited.remove(name);
    }
    inherited.insert("HOME".into(), own.display().to_string());
    let names = user.map(|user| ["LOGNAME", "USER"].map(|name| (name.to_owned(), user.name.clone())));
    inherited.extend(names.into_iter().flatten());
    // Each process has one of its own there.
    inherited.insert(temporary::VARIABLE.into(), temporary::LINKS.into());
}
