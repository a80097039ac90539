//! Files and folders that a contained server is granted because its command line, its environment or the search path
//! names them.

use std::path::{Path, PathBuf};

use crate::model::ServerId;

/// Folders in homes that hold a tool with all its versions, and no secrets.
const TOOL_FOLDERS: [&str; 7] = [".asdf", ".bun", ".deno", ".nvm", ".pyenv", ".rbenv", ".volta"];

/// Folders above a file in which its project is looked for, as of `dist/src/index.js`.
const PROJECT_DEPTH_MAX: usize = 4;

/// Folders of the system, in which nothing is granted to be written because it is named.
const SYSTEM: [&str; 14] = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/proc", "/run", "/sbin", "/sys",
    "/usr",
];

/// Folders that hold too much to come with a file that lies in one.
pub(super) const WIDE: [&str; 14] = [
    "", "/boot", "/dev", "/etc", "/home", "/opt", "/proc", "/root", "/run", "/sys", "/tmp", "/usr", "/var", "/var/lib",
];

/// Names in paths below which keys and passwords lie.
pub(super) const PRIVATE: [&str; 20] = [
    ".aws",
    ".azure",
    ".docker",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".mozilla",
    ".netrc",
    ".password-store",
    ".pgpass",
    ".pki",
    ".ssh",
    ".vault-token",
    "gcloud",
    "google-chrome",
    "keyrings",
    "gshadow",
    "secret.key",
    "shadow",
    "sudoers",
];

/// Folders of homes that hold the settings of all programs.
const OF_ALL_PROGRAMS: [&str; 3] = [".config", ".local", ".local/share"];

/// Places that no grant may cover.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bounds {
    /// Folders of users.
    pub(crate) homes: Vec<PathBuf>,
    /// Files and folders of Ostler's own.
    pub(crate) hidden: Vec<PathBuf>,
    /// The folder of the servers' own folders, which have ids for names; those not contained work in it.
    pub(crate) servers: PathBuf,
}

impl Bounds {
    /// The reason why a file or folder without links may not be granted to read though a sandbox asks for it; what is
    /// hidden in it stays so.
    pub(crate) fn reason_against_reading(&self, place: &Path) -> Option<&'static str> {
        if is_in_any(place, &self.hidden) {
            return Some("is Ostler's own, which no server may reach");
        }
        self.is_of_servers(place).then_some("is where servers have their own folders: each has its own without a grant")
    }

    /// The reason why it may not be granted to be changed though a sandbox asks for it.
    pub(crate) fn reason_against_writing(&self, place: &Path) -> Option<&'static str> {
        let holds_ours = self.hidden.iter().chain([&self.servers]).any(|ours| ours.starts_with(place));
        let why = "holds what is Ostler's own: grant folders beside that";
        self.reason_against_reading(place).or_else(|| holds_ours.then_some(why))
    }

    /// True when it may be granted to read because an installation, or a variable of Ostler's own, leads there.
    pub(crate) fn allows_reading(&self, place: &Path) -> bool {
        let is_above_home = self.homes.iter().any(|home| home.starts_with(place));
        let is_whole = is_above_home || ["/", "/etc"].iter().any(|whole| place == Path::new(whole));
        !is_whole && self.reason_against_reading(place).is_none()
    }

    /// True when a folder may be granted to read because a command line names it.
    pub(crate) fn grants_reading(&self, folder: &Path) -> bool {
        self.allows_reading(folder) && !is_in_etc(folder) && !self.is_private(folder)
    }

    /// True when it may be granted to be changed because a command line names it.
    pub(crate) fn grants_writing(&self, folder: &Path) -> bool {
        self.grants_reading(folder)
            && self.reason_against_writing(folder).is_none()
            && !SYSTEM.iter().any(|system| folder.starts_with(system))
    }

    /// True for the folder of all servers, and for what lies in the folder of one. What an owner put beside those is
    /// the owner's.
    fn is_of_servers(&self, place: &Path) -> bool {
        place == self.servers || self.is_of_one_server(place)
    }

    /// True for the folder of one server, and for what lies in it.
    pub(crate) fn is_of_one_server(&self, place: &Path) -> bool {
        let first = place.strip_prefix(&self.servers).ok().and_then(|inner| inner.iter().next());
        first.and_then(|name| name.to_str()).is_some_and(|name| name.parse::<ServerId>().is_ok())
    }

    /// The grant to read for a file that a command line names: the folder of the project that it is of, its own folder,
    /// or the file alone where that may not be granted, holds too much, or is one of a home's folders of settings; none
    /// in /etc. `is_project` tells the first.
    pub(crate) fn around(&self, file: &Path, is_project: impl Fn(&Path) -> bool) -> Option<PathBuf> {
        let modules = file.ancestors().filter(|folder| folder.ends_with("node_modules")).last().and_then(Path::parent);
        let project = || file.ancestors().skip(1).take(PROJECT_DEPTH_MAX).filter(|folder| is_project(folder)).last();
        let folders = modules.or_else(project).into_iter().chain(file.parent());
        let is_wide = |folder: &Path| WIDE.iter().any(|wide| folder == Path::new(wide));
        let may_come = |folder: &&Path| self.grants_reading(folder) && !self.holds_settings(folder) && !is_wide(folder);
        let grant = folders.into_iter().find(may_come).unwrap_or(file);
        Some(grant).filter(|grant| self.allows_reading(grant) && !is_in_etc(grant)).map(Path::to_owned)
    }

    /// The grant to read and run for a folder of programs: the installation that it belongs to, where that is one.
    pub(crate) fn installation(&self, folder: &Path) -> PathBuf {
        let inner = self.homes.iter().find_map(|home| Some((home, folder.strip_prefix(home).ok()?)));
        let depth = inner.map_or(folder.components().count(), |(_, inner)| inner.components().count());
        if let Some((home, inner)) = inner
            && let Some(first) = inner.iter().next()
            && TOOL_FOLDERS.iter().any(|tool| *tool == first)
        {
            return home.join(first);
        }
        let is_part = folder.ends_with("bin") || folder.ends_with("shims");
        // Neither `~/.local` nor `/srv`, which hold other things as well.
        let parent = folder.parent().filter(|parent| is_part && depth > 2 && self.allows_reading(parent));
        parent.unwrap_or(folder).to_owned()
    }

    /// True for a folder of a home with keys, or with the settings of all programs.
    fn is_private(&self, folder: &Path) -> bool {
        let Some(inner) = self.homes.iter().find_map(|home| folder.strip_prefix(home).ok()) else { return false };
        let is_one_of = |name: &std::ffi::OsStr| PRIVATE.iter().any(|private| *private == name);
        let is_dotted = inner.as_os_str().as_encoded_bytes().starts_with(b".");
        is_dotted && inner.iter().any(is_one_of) || OF_ALL_PROGRAMS.iter().any(|all| inner == Path::new(all))
    }

    /// True for `~/.ssh` and its like.
    fn holds_settings(&self, folder: &Path) -> bool {
        let is_dotted = folder.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        is_dotted && folder.parent().is_some_and(|parent| self.homes.iter().any(|home| home == parent))
    }
}

/// True for the folder of the system's settings and what is in it: every server has what is public there.
fn is_in_etc(place: &Path) -> bool {
    place.starts_with("/etc")
}

fn is_in_any(place: &Path, folders: &[PathBuf]) -> bool {
    folders.iter().any(|folder| place.starts_with(folder))
}

/// The absolute paths that an argument or the value of a variable may name: all of it, and words of it, as in
/// `--root=/srv`, `/a:/b` or a shell's command. The host in a URL is none.
pub(crate) fn named(text: &str) -> impl Iterator<Item = &Path> {
    let words = text.split(|c: char| c.is_whitespace() || "=:,;&|()'\"`<>".contains(c));
    let is_host = |word: &&str| word.starts_with("//") && !word.starts_with("///");
    std::iter::once(text)
        .chain(words.filter(move |word| !is_host(word)))
        .filter(|word| word.starts_with('/'))
        .map(Path::new)
}

/// `places` without those below others, in order.
pub(crate) fn outermost(mut places: Vec<PathBuf>) -> Vec<PathBuf> {
    places.sort_unstable();
    // A folder sorts right before all that is below it.
    let mut kept: Vec<PathBuf> = Vec::new();
    for place in places {
        if !kept.iter().any(|outer| place.starts_with(outer)) {
            kept.push(place);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> Bounds {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        let (homes, hidden) = (paths(&["/home/me", "/root"]), paths(&["/srv/ostler/data"]));
        Bounds { homes, hidden, servers: path("/srv/ostler/servers") }
    }

    fn path(text: &str) -> PathBuf {
        text.into()
    }

    #[test]
    fn a_home_the_system_and_our_own_data_are_never_granted() {
        for place in ["/", "/home", "/home/me", "/root", "/etc", "/srv/ostler/data", "/srv/ostler/servers"] {
            assert!(!bounds().allows_reading(Path::new(place)), "{place}");
        }
        let id = ServerId::new().to_string();
        assert!(!bounds().allows_reading(&path("/srv/ostler/servers").join(id).join("shared")));
        for place in ["/srv/ostler", "/srv", "/usr/lib", "/proc/self", "/run/user/0"] {
            assert!(bounds().grants_reading(Path::new(place)) && !bounds().grants_writing(Path::new(place)), "{place}");
        }
        for place in ["/srv/files", "/srv/ostler/servers/files", "/home/me/ours", "/tmp", "/var/lib/app", "/home/me2"] {
            assert!(bounds().grants_writing(Path::new(place)), "{place}");
        }
    }

    #[test]
    fn neither_settings_of_the_system_nor_folders_of_keys_are_granted_because_they_are_named() {
        for place in
            ["/etc/app", "/home/me/.ssh", "/home/me/.config", "/home/me/.config/gcloud/legacy", "/home/me/.aws"]
        {
            assert!(!bounds().grants_reading(Path::new(place)), "{place}");
            assert_eq!(bounds().reason_against_writing(Path::new(place)), None, "{place}: a sandbox may ask for it");
        }
        for place in ["/home/me/.notes", "/home/me/src/gcloud", "/srv/.ssh", "/home/me/.config/app"] {
            assert!(bounds().grants_writing(Path::new(place)), "{place}");
        }
        // An operator's certificates lie there, and variables of Ostler's own lead to them.
        assert!(bounds().allows_reading(Path::new("/etc/company/ca.pem")));
    }

    #[test]
    fn a_sandbox_may_ask_for_all_but_our_own_data() {
        for (place, read, write) in [
            ("/", true, false),
            ("/home/me", true, true),
            ("/etc/app", true, true),
            ("/srv/ostler", true, false),
            ("/srv/ostler/data/logs", false, false),
            ("/srv/ostler/servers", false, false),
        ] {
            let (bounds, place) = (bounds(), Path::new(place));
            let reasons = [bounds.reason_against_reading(place), bounds.reason_against_writing(place)];
            assert_eq!(reasons.map(|reason| reason.is_none()), [read, write], "{place:?}");
        }
    }

    #[test]
    fn a_file_comes_with_its_folder_unless_that_says_too_much() {
        for (file, grant) in [
            ("/srv/app/index.js", "/srv/app"),
            ("/home/me/server.py", "/home/me/server.py"),
            ("/home/me/.ssh/id", "/home/me/.ssh/id"),
            ("/home/me/ours/a.py", "/home/me/ours"),
            ("/home/me/.npmrc", "/home/me/.npmrc"),
            ("/home/me/.aws/sso/cache/token", "/home/me/.aws/sso/cache/token"),
            ("/home/me/.config/gcloud/key.json", "/home/me/.config/gcloud/key.json"),
            ("/home/me/.config/app/a.json", "/home/me/.config/app"),
            ("/dev/ttyUSB0", "/dev/ttyUSB0"),
            ("/run/docker.sock", "/run/docker.sock"),
            ("/tmp/a.py", "/tmp/a.py"),
        ] {
            assert_eq!(bounds().around(Path::new(file), |_| false), Some(path(grant)), "{file}");
        }
        for file in ["/etc/shadow", "/etc/app.conf", "/etc/app/app.conf"] {
            assert_eq!(bounds().around(Path::new(file), |_| true), None, "{file}");
        }
        assert_eq!(bounds().around(Path::new("/srv/ostler/data/secret.key"), |_| true), None);
        let modules = Path::new("/home/me/ours/node_modules/@a/b/node_modules/c/dist/index.js");
        assert_eq!(bounds().around(modules, |_| false), Some(path("/home/me/ours")));
        let script = Path::new("/home/me/ours/dist/src/index.js");
        let is_project = |folder: &Path| folder == Path::new("/home/me/ours") || folder == Path::new("/home/me");
        assert_eq!(bounds().around(script, is_project), Some(path("/home/me/ours/dist/src")), "a home is no project");
        assert_eq!(bounds().around(script, |folder| folder.ends_with("ours")), Some(path("/home/me/ours")));
    }

    #[test]
    fn a_program_comes_with_its_installation() {
        for (folder, grant) in [
            ("/home/me/.nvm/versions/node/v24/bin", "/home/me/.nvm"),
            ("/home/me/.pyenv/shims", "/home/me/.pyenv"),
            ("/home/me/.local/bin", "/home/me/.local/bin"),
            ("/home/me/.cargo/bin", "/home/me/.cargo/bin"),
            ("/home/me/bin", "/home/me/bin"),
            ("/home/me/.local/share/uv/tools/x/bin", "/home/me/.local/share/uv/tools/x"),
            ("/srv/app/.venv/bin", "/srv/app/.venv"),
            ("/srv/app/build", "/srv/app/build"),
            ("/bin", "/bin"),
        ] {
            assert_eq!(bounds().installation(Path::new(folder)), path(grant), "{folder}");
        }
    }

    #[test]
    fn paths_are_found_in_arguments_variables_and_commands_of_shells() {
        let of = |text| named(text).map(|path| path.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(of("/srv/my files"), ["/srv/my files", "/srv/my"]);
        assert_eq!(of("--root=/srv/a"), ["/srv/a"]);
        assert_eq!(of("x:/srv/b"), ["/srv/b"]);
        assert_eq!(of("cd '/srv' && exec /opt/run"), ["/srv", "/opt/run"]);
        assert_eq!(of("file:///srv/c"), ["///srv/c"]);
        assert!(of("relative/path -y https://srv/d").is_empty());
    }

    #[test]
    fn what_lies_in_another_grant_needs_none() {
        let places = ["/b/c", "/a", "/b", "/a-b", "/a/x"].map(path).to_vec();
        assert_eq!(outermost(places), ["/a", "/a-b", "/b"].map(path));
    }
}
